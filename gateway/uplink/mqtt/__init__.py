"""MQTT: state and events for a broker, commands from it, and Home Assistant's discovery.

`topics`, `state`, `events`, `discovery` and `guards` are pure. `connection` is one connection to
the broker, `bridge` the thread that uses one after the other, `channel` the events as a destination
of the outbox.
"""
