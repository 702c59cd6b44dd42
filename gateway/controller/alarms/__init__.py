"""Alarms, sirens, fire and faults at work."""
