"""Doors, the turnstile and the interlock at work."""
