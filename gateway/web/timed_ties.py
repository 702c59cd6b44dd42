"""What a person is tied to, maybe for a time: groups, and rules of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.web.typed import number_typed
from gateway.web.visit import Visit
from gateway.web.wall_times import form_time, moment, stamp_typed


@dataclass(frozen=True, slots=True)
class TieKind:
    """One object that ties people to something until `end_time`."""

    table: str
    field: str
    target: str
    control: str
    """The name of the form's boxes. The field of an end has it too, see `end_control`."""

    def end_control(self, number: int) -> str:
        """The name of the field with the end of the tie to `number`."""
        return f"{self.control}-{number}-until"


MEMBERSHIPS = TieKind("user_groups", "group_id", "groups", "group")
OWN_RULES = TieKind("user_access_rules", "access_rule_id", "access_rules", "rule")
PERSON_TIES = (MEMBERSHIPS, OWN_RULES)
EVERYBODY = 1
"""The group that a new device has."""
TIED = "tied"
"""The field that names the controls which a form has: unticked boxes leave no trace."""


@dataclass(frozen=True, slots=True)
class TieEnd:
    """Until when a tie lasts."""

    end: datetime | None
    """Wall time of its last second; None for no end."""
    typed: str
    """The same for a form's field."""
    over: bool


NO_END = TieEnd(None, "", over=False)


@dataclass(frozen=True, slots=True)
class PossibleTie:
    """A group or a rule, and whether the person has it."""

    id: int
    name: str
    blocks: bool
    """A rule that blocks, whatever else opens."""
    chosen: bool
    until: TieEnd
    control: str
    """The name of the form's field for the end."""


def possible_ties(
    visit: Visit, kind: TieKind, user_id: int, chosen: Collection[int] = ()
) -> list[PossibleTie]:
    """All that a person may be tied to, by name; for a new person (0) `chosen` is ticked."""
    present = _present(visit, kind, user_id) if user_id else dict.fromkeys(chosen, 0)
    return [
        PossibleTie(
            row["id"],
            row["name"],
            row.get("type") == 0,
            row["id"] in present,
            tie_end(visit, present.get(row["id"], 0)),
            kind.end_control(row["id"]),
        )
        for row in visit.rows(kind.target, order=["name"])
    ]


def ends_in_group(visit: Visit, group: int, people: Collection[int]) -> dict[int, TieEnd]:
    """Until when those of `people` who are in a group are in it, by person."""
    where = {"user_groups": {"group_id": group, "user_id": sorted(people)}}
    rows = visit.rows("user_groups", fields=["user_id", "end_time"], where=where)
    return {row["user_id"]: tie_end(visit, row["end_time"]) for row in rows} if people else {}


def tie_end(visit: Visit, stamp: int) -> TieEnd:
    """A value of `end_time`: the last second of the tie."""
    if not stamp:
        return NO_END
    now = visit.context.device_time.stamp(visit.context.clock.utc())
    return TieEnd(moment(visit, stamp), form_time(visit, stamp), over=now > stamp)


def wanted_ties(visit: Visit, kind: TieKind) -> dict[int, int]:
    """What is ticked in the form, each with its `end_time`."""
    ticked = [number_typed(kind.control, text) for text in visit.form.getlist(kind.control)]
    return {it: stamp_typed(visit, kind.end_control(it)) for it in ticked}


def store_ties(visit: Visit, kind: TieKind, user_id: int, wanted: Mapping[int, int]) -> None:
    """Tie the person to `wanted` and to nothing else of the kind."""
    present = _present(visit, kind, user_id)
    new = sorted(
        it for it, end in wanted.items() if it not in present or end != _whole_minute(present[it])
    )
    if new:
        rows = [{"user_id": user_id, kind.field: it, "end_time": wanted[it]} for it in new]
        visit.run("create_or_modify_objects", object=kind.table, values=rows)
    if gone := sorted(present.keys() - wanted):
        where = {kind.table: {"user_id": user_id, kind.field: gone}}
        visit.run("destroy_objects", object=kind.table, where=where)


def _present(visit: Visit, kind: TieKind, user_id: int) -> dict[int, int]:
    """What the person is tied to, each with its `end_time`."""
    where = {kind.table: {"user_id": user_id}}
    rows = visit.rows(kind.table, fields=[kind.field, "end_time"], where=where)
    return {row[kind.field]: row["end_time"] for row in rows}


def _whole_minute(stamp: int) -> int:
    """A stored time as the form has it: what nobody changed stays as it is."""
    return stamp - stamp % 60
