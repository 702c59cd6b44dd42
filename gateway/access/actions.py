"""What a decision makes the device do, and the text that says how."""

from __future__ import annotations

from dataclasses import dataclass

OPENING_ACTIONS = frozenset({"door", "sec_box", "catra", "open_collector"})
"""Scripts that let somebody pass: they never run on a denial."""

DOOR_ACTION = "door"
SEC_BOX_ACTION = "sec_box"

RUN_HERE = frozenset({0, 1})
"""Values of `run_at` that this device carries out; 2 belongs to the server, others to nobody."""


@dataclass(frozen=True, slots=True)
class Action:
    """One row of `actions`, to be carried out here."""

    name: str
    """The script: `door`, `sec_box`, ..."""
    parameters: str
    """The row's text as it stands; `parse_parameters` reads it."""
    id: int
    run_at: int
    """0 this device, 1 every connected device."""

    @property
    def opens(self) -> bool:
        """True when it lets somebody pass, however the script's name is written."""
        return self.name.strip().lower() in OPENING_ACTIONS


def parse_parameters(text: str) -> dict[str, str]:
    """The `key=value` pairs of a comma list such as `id=65793, reason=1`.

    Blanks around keys and values do not count, upper and lower case do, unknown keys are kept. A
    value ends at a second `=` (the vendor's samples hold `id=65793=1`). A key without `=` has an
    empty value; where a key comes twice the last one counts.
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        key, _, rest = part.partition("=")
        if key.strip():
            found[key.strip()] = rest.partition("=")[0].strip()
    return found


def door_of(action: Action, sec_box_door: int) -> int:
    """The number of the door that `action` names, 0 for none.

    `sec_box_door` is the door that stands in for a SecBox (site setting).
    """
    name = action.name.strip().lower()
    if name == SEC_BOX_ACTION:
        return sec_box_door
    number = parse_parameters(action.parameters).get("door", "")
    return int(number) if name == DOOR_ACTION and number.isdecimal() else 0
