"""Readers on serial ports: bytes carried by a thread, protocols in the loop."""
