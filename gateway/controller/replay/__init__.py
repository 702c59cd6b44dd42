"""Runs a flight record through the controller without any hardware."""
