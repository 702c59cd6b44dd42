"""Forms for rows of objects that belong to doors, in words. Ranges come from the declarations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.objects.catalogue import REGISTRY
from gateway.objects.fields import Choice, Flag, Int, Ref, Text
from gateway.settings import Door, SecBox, SiteFile
from gateway.web.languages import noted

AS_ALL = -1
"""The stored value of a field that is left empty, where the declaration permits it."""


def _every(_door: Door | SecBox) -> bool:
    return True


def _any_site(_site: SiteFile) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class RowField:
    """One field of the row."""

    name: str
    label: str
    help: str = ""
    unit: str = ""
    words: Mapping[int, str] = field(default_factory=dict)
    """Of a choice."""
    doors: bool = False
    """The text is a comma list of doors."""
    at: Callable[[Door | SecBox], bool] = _every
    """The doors that have it."""
    beside: str = ""
    """Another field that is chosen together with this one, from one list."""


@dataclass(frozen=True, slots=True)
class RowLink:
    """What else is tied to the row: ticked boxes."""

    object_name: str
    field: str
    """The other end; the row's own end is `RowForm.tie`."""
    label: str
    choices: str
    """`doors`, `readers` (those whose portal opens the row's door), or an object with names."""


@dataclass(frozen=True, slots=True)
class RowForm:
    """The rows of one object on a page."""

    slug: str
    object_name: str
    title: str
    about: str
    fields: tuple[RowField, ...]
    key: str = "door_id"
    """The number of the row's door; `id` for rows that people add and name."""
    links: tuple[RowLink, ...] = ()
    tie: str = ""
    """The row's own end of its links."""
    at: Callable[[Door | SecBox], bool] = _every
    """The doors that may have a row."""
    needs: Callable[[SiteFile], bool] = _any_site
    """Whether the site has something that the form is about, beside doors."""
    kept: bool = False
    """The device makes and keeps the rows: they can be changed, not deleted."""

    @property
    def per_door(self) -> bool:
        """Whether each row belongs to a door; people add others, and name them."""
        return not self.named

    @property
    def named(self) -> bool:
        """Whether people add rows and name them."""
        return self.key == "id" and not self.kept

    @property
    def labels(self) -> dict[str, str]:
        """What people call the fields, and the members of the commands that store a row."""
        fields = {field.name: field.label for field in self.fields}
        pairs = {field.beside: field.label for field in self.fields if field.beside}
        links = {it: link.label for link in self.links for it in (link.object_name, link.field)}
        return {self.key: noted("Door"), **links, **pairs, **fields}

    def of_door(self, door: Door | SecBox | None) -> tuple[RowField, ...]:
        """The fields of the row of a door; None for a row that belongs to none."""
        return tuple(it for it in self.fields if door is None or it.at(door))

    def kind(self, name: str) -> str:
        """How a field is entered: `flag`, `choice`, `row`, `floor`, `number` or `text`."""
        if any(it.name == name and it.beside for it in self.fields):
            return "floor"
        declared = REGISTRY[self.object_name].field(name)
        kinds = (
            (Flag, "flag"),
            (Choice, "choice"),
            (Ref, "row"),
            (Int, "number"),
            (Text, "text"),
        )
        return next(word for kind, word in kinds if isinstance(declared, kind))

    def target(self, name: str) -> str:
        """The object whose rows a field of the kind `row` names."""
        declared = REGISTRY[self.object_name].field(name)
        return declared.target if isinstance(declared, Ref) else ""

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
        return [(door.id, door.shown) for door in site.doors() if self.at(door)]

    def fits(self, site: SiteFile) -> bool:
        """Whether the site has something that the form is about."""
        return bool(self.doors(site)) and self.needs(site)


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
        RowField(
            "chime",
            noted("Readers beep when it opens"),
        ),
    ),
)

SEC_BOXES = RowForm(
    "modules",
    "sec_boxs",
    noted("Doors on modules"),
    noted("Open time, sensor and interlock of each door on a module."),
    (
        RowField(
            "relay_timeout",
            noted("Open time"),
            noted("How long the lock stays released for one passage."),
            "ms",
        ),
        RowField("auto_close_enabled", noted("Lock as soon as the door opens")),
        RowField(
            "door_sensor_enabled",
            noted("Door sensor in use"),
            noted("The alarms of a forced door and of a door held open need it."),
        ),
        RowField(
            "interlock",
            noted("Doors that must be closed"),
            noted("This door opens only while all of them are closed."),
            doors=True,
        ),
    ),
    key="id",
    at=lambda door: isinstance(door, SecBox),
    kept=True,
)

DOOR_GROUPS = RowForm(
    "groups",
    "door_groups",
    noted("Door groups"),
    noted("Doors that are opened, locked and set into a mode together."),
    (RowField("name", noted("Name")),),
    key="id",
    links=(RowLink("door_group_doors", "door_id", noted("Doors"), "doors"),),
    tie="door_group_id",
)

OPERATORS = RowForm(
    "operators",
    "door_operators",
    noted("Door operators"),
    noted("When a powered door opens by itself, once its lock is released."),
    (
        RowField(
            "delay_ms",
            noted("Delay"),
            noted("From the release of the lock: the bolt needs time."),
            "ms",
        ),
        RowField("dwell_ms", noted("Time of the output"), unit="ms"),
        RowField("by_button", noted("The exit button opens it"), at=lambda door: bool(door.rex)),
        RowField("extended_people", noted("People who need more time open it")),
    ),
    links=(RowLink("door_operator_readers", "reader", noted("Readers that open it"), "readers"),),
    tie="door_id",
    at=lambda door: isinstance(door, Door) and door.operator is not None,
)

ELEVATOR_FLOORS = RowForm(
    "floors",
    "elevator_floors",
    noted("Floors of lifts"),
    noted(
        "The rules of a floor's portal say who may choose it. To free it for everybody by "
        "schedule, tick such a rule under Unlocked by schedule."
    ),
    (
        RowField("name", noted("Name")),
        RowField(
            "elevator_id",
            noted("Lift and floor"),
            noted("Floors with a relay in the site file."),
            beside="floor",
        ),
        RowField("portal_id", noted("Portal")),
        RowField(
            "selection_ms",
            noted("Time to choose"),
            noted("So long after a grant the button counts."),
            "ms",
        ),
    ),
    key="id",
    needs=lambda site: bool(site.elevator),
)

UNLOCKS = RowForm(
    "unlocks",
    "scheduled_unlocks",
    noted("Unlocked by schedule"),
    noted(
        "During the schedules of the ticked rules, their portals are free for everybody: doors "
        "stay unlocked, and floors of lifts may be chosen without a card."
    ),
    (RowField("name", noted("Name")),),
    key="id",
    links=(
        RowLink("scheduled_unlock_access_rules", "access_rule_id", noted("Rules"), "access_rules"),
    ),
    tie="scheduled_unlock_id",
)

ROW_FORMS = (DOOR_TIMES, UNLOCKS, SEC_BOXES, DOOR_GROUPS, OPERATORS, ELEVATOR_FLOORS)
