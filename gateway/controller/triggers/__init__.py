"""Triggers: what sets them off, when their actions are due, and the outputs that they switch."""
