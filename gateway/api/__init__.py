"""Transports for the commands."""
