"""What goes out to servers: the outbox and the monitor.

The committed journal and the change log are the queue. Each destination has a thread, a connection
and durable cursors of its own, so that one that hangs, lies or is away delays no other.
"""
