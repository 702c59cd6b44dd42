"""Supervised contacts at analogue-digital converters."""
