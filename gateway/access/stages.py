"""The gates of an access in their order, and what may become of each."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The gates of an access, in their order. Names are stable."""

    PLACE = "place"
    IDENTIFICATION = "identification"
    MODE = "mode"
    """Fire, emergency and lock-down."""
    VALIDITY = "validity"
    RULES = "rules"
    SECOND_FACTOR = "second_factor"
    PASSBACK = "passback"
    PERSONS = "persons"
    INTERLOCK = "interlock"
    DOOR = "door"
    """Whether the door can be reached and moved at all."""
    OTHER = "other"


class StageVerdict(StrEnum):
    """What became of a stage."""

    PASSES = "passes"
    REFUSES = "refuses"
    FREES = "frees"
    """Everyone passes, whatever comes after it."""
    WAITS = "waits"
    """It asks for something more: a second factor, more people."""
    NOT_ASKED = "not_asked"
    """Nothing is set up that would ask."""
    NOT_REACHED = "not_reached"
    NOT_KNOWN = "not_known"
    """It depends on how the doors stand at that very instant."""
