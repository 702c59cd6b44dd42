"""Forms for rows of objects that belong to doors, in words. Ranges come from the declarations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.objects.catalogue import REGISTRY
from gateway.objects.fields import Choice, Flag, Int, Text
from gateway.settings import SiteFile
from gateway.web.languages import noted

AS_ALL = -1
"""The stored value of a field that is left empty, where the declaration permits it."""


@dataclass(frozen=True, slots=True)
class RowField:
    """One field of the row."""

    name: str
    label: str
    help: str = ""
    unit: str = ""
    words: Mapping[int, str] = field(default_factory=dict)
    """Of a choice."""


@dataclass(frozen=True, slots=True)
class RowForm:
    """The rows of one object on a page: one for each door."""

    slug: str
    object_name: str
    title: str
    about: str
    fields: tuple[RowField, ...]

    def kind(self, name: str) -> str:
        """How a field is entered: `flag`, `choice`, `number` or `text`."""
        declared = REGISTRY[self.object_name].field(name)
        kinds = ((Flag, "flag"), (Choice, "choice"), (Int, "number"), (Text, "text"))
        return next(word for kind, word in kinds if isinstance(declared, kind))

    def bounds(self, name: str) -> tuple[int, int]:
        """What may be typed for a number; an empty field means AS_ALL where that is permitted."""
        declared = REGISTRY[self.object_name].field(name)
        if not isinstance(declared, Int):
            raise TypeError(f"{name} is no number")
        return max(0, declared.minimum), declared.maximum

    def may_be_empty(self, name: str) -> bool:
        """Whether an empty field means AS_ALL."""
        declared = REGISTRY[self.object_name].field(name)
        return isinstance(declared, Int) and declared.default == AS_ALL

    def doors(self, site: SiteFile) -> list[tuple[int, str]]:
        """The doors that may have a row, with their names."""
        return [(door.id, door.shown) for door in site.doors()]


DOOR_TIMES = RowForm(
    "times",
    "door_settings",
    noted("Times of each door"),
    noted("What differs at one door. An empty field is what all doors have."),
    (
        RowField(
            "held_open_s",
            noted("May stand open"),
            noted("The alarm of a door held open begins after it."),
            "s",
        ),
        RowField(
            "pre_alarm_s",
            noted("Pre-alarm"),
            noted("So long before that alarm; 0 for none."),
            "s",
        ),
        RowField(
            "extended_dwell_ms",
            noted("Open time for people who need more"),
            noted("For people who are marked so; 0 gives them no more."),
            "ms",
        ),
        RowField(
            "extended_held_open_s",
            noted("May stand open behind people who need more"),
            noted("Until the door has closed after them; 0 gives them no more."),
            "s",
        ),
        RowField(
            "forced_debounce_ms",
            noted("Forced for at least"),
            noted("A door that is open for less raises no alarm."),
            "ms",
        ),
        RowField(
            "rex_mode",
            noted("The exit button"),
            noted("A shunt drives nothing: the handle opens, and that is not forced."),
            words={
                0: noted("As the site file says"),
                1: noted("Unlocks for the open time"),
                2: noted("Unlocks while it is pressed, and for the open time"),
                3: noted("Shunt"),
            },
        ),
        RowField(
            "relock_at_close",
            noted("Lock when the door has closed"),
            noted("Where it does not lock as soon as it opens."),
        ),
    ),
)

ROW_FORMS = (DOOR_TIMES,)
