"""The stages of an access and their verdicts."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The stages of an access, in their order. Names are stable."""

    PLACE = "place"
    IDENTIFICATION = "identification"
    MODE = "mode"
    """Fire, emergency and lock-down."""
    THREAT_LEVEL = "threat_level"
    """The threat level in force."""
    VALIDITY = "validity"
    RULES = "rules"
    SECOND_FACTOR = "second_factor"
    PASSBACK = "passback"
    OCCUPANCY = "occupancy"
    """The most people that may be in an area."""
    PERSONS = "persons"
    """Several people together, and escorts."""
    INTERLOCK = "interlock"
    DOOR = "door"
    """Whether the door can be reached and moved at all."""
    OTHER = "other"


class StageVerdict(StrEnum):
    """The result of a stage."""

    PASSES = "passes"
    REFUSES = "refuses"
    FREES = "frees"
    """Everyone passes; later stages do not count."""
    WAITS = "waits"
    """It waits for a second factor or for more people."""
    NOT_ASKED = "not_asked"
    """The site does not use it."""
    NOT_REACHED = "not_reached"
    NOT_KNOWN = "not_known"
    """It depends on the state of the doors at the instant of the access."""
