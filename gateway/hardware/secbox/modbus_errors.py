"""Errors of Modbus modules, independent of pymodbus."""

from __future__ import annotations


class NoAnswer(Exception):
    """No complete answer to the request arrived in time."""


class ModuleRefused(Exception):
    """The module refused the request; the text is the name of the Modbus exception."""
