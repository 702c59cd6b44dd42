"""Alarm zones, tamper, duress, the alarm register and sounders. Pure."""
