"""Actions that a decision runs, and the text of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPENING_ACTIONS = frozenset(
    {"door", "sec_box", "door_group", "catra", "open_collector", "elevator"}
)
"""Scripts that open something: they never run on a denial."""

DOOR_ACTION = "door"
SEC_BOX_ACTION = "sec_box"
DOOR_GROUP_ACTION = "door_group"
"""Ours: opens the doors of a group, all or none."""
ELEVATOR_ACTION = "elevator"
"""Ours: releases the floors of a lift that the person may choose."""
VENDORS_SEC_BOX = 65_793
"""The id that the vendor's documentation gives to every SecBox."""

LONGEST_NUMBER = 18
"""Digits of a number in an action's parameters: a longer one names nothing. Python refuses to read
one of several thousand digits."""

HERE, EVERYWHERE, AT_SERVER = 0, 1, 2
"""Values of `run_at`: this device; this device and every connected one; the server alone."""
RUN_AT = frozenset({HERE, EVERYWHERE, AT_SERVER})


@dataclass(frozen=True, slots=True)
class Action:
    """One row of `actions`."""

    name: str
    """The script: `door`, `sec_box`, ..."""
    parameters: str
    """The raw text of the row; `parse_parameters` reads it."""
    id: int
    run_at: int
    """One of RUN_AT."""

    @property
    def runs_here(self) -> bool:
        return self.run_at != AT_SERVER

    @property
    def runs_elsewhere(self) -> bool:
        return self.run_at != HERE

    @property
    def opens(self) -> bool:
        """True if the script opens something; ignores case and blanks of its name."""
        return self.name.strip().lower() in OPENING_ACTIONS


def parse_parameters(text: str) -> dict[str, str]:
    """The `key=value` pairs of a comma list such as `id=65793, reason=1`.

    Strips blanks around keys and values, respects case, keeps unknown keys. A value ends at a
    second `=` (the vendor's samples hold `id=65793=1`). A key without `=` has an empty value; the
    last of equal keys counts.
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        key, _, rest = part.partition("=")
        if key.strip():
            found[key.strip()] = rest.partition("=")[0].strip()
    return found


@dataclass(frozen=True, slots=True)
class SecBoxes:
    """Maps the ids of SecBoxes to the doors of one site."""

    fitted: tuple[int, ...]
    """The ids of the SecBoxes of the site."""
    stand_in: int
    """The door for every id on a site without a SecBox."""

    def door(self, text: str) -> int:
        """The door that `sec_box` with `id=text` opens, 0 for none.

        Also accepts ids that a client rounded to floating point. The vendor's 65793, or an empty
        id, means the only SecBox of a site that has one.
        """
        if not self.fitted:
            return self.stand_in
        try:
            requested = int(text) if text.isdecimal() else int(float(text or VENDORS_SEC_BOX))
        except (ValueError, OverflowError):
            return 0
        if requested in self.fitted:
            return requested
        if requested == VENDORS_SEC_BOX and len(self.fitted) == 1:
            return self.fitted[0]
        near = [box for box in self.fitted if float(box) == float(requested)]
        return near[0] if len(near) == 1 else 0


def door_of(action: Action, sec_boxes: SecBoxes) -> int:
    """The number of the door that `action` names, 0 for none."""
    name = action.name.strip().lower()
    given = parse_parameters(action.parameters)
    if name == SEC_BOX_ACTION:
        return sec_boxes.door(given.get("id", ""))
    return _number(given.get("door", "")) if name == DOOR_ACTION else 0


def doors_named(
    action: Action, sec_boxes: SecBoxes, groups: Mapping[int, tuple[int, ...]]
) -> tuple[int, ...]:
    """The doors that `action` names, in order; `groups` are the doors of each group."""
    if action.name.strip().lower() == DOOR_GROUP_ACTION:
        return groups.get(_number(parse_parameters(action.parameters).get("id", "")), ())
    door = door_of(action, sec_boxes)
    return (door,) if door else ()


def elevator_named(action: Action) -> int:
    """The lift whose floors `action` releases, 0 for none."""
    if action.name.strip().lower() != ELEVATOR_ACTION:
        return 0
    return _number(parse_parameters(action.parameters).get("id", ""))


def _number(text: str) -> int:
    """The number that `text` is, 0 for none."""
    readable = text.isdecimal() and len(text) <= LONGEST_NUMBER
    return int(text) if readable else 0
