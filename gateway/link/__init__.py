"""Typed messages between the two processes and the sockets that carry them."""
