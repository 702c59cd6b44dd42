"""Firmware of a Raspberry Pi door controller."""
