"""What a Modbus module may answer in the place of an answer; known without pymodbus."""

from __future__ import annotations


class NoAnswer(Exception):
    """Nothing came in time, or nothing that was whole and belonged to the request."""


class ModuleRefused(Exception):
    """The module answered that it does not do this; the text is the exception's name."""
