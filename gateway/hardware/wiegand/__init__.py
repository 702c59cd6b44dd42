"""Wiegand readers: edges of two lines, frames, and how the lines are."""
