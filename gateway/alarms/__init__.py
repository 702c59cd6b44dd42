"""Zones, tamper and what sounds. Pure."""
