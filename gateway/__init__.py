"""Firmware of a Raspberry Pi door controller."""

__version__ = "0.1.0"
