"""Readers that type, and readers that pcscd serves."""
