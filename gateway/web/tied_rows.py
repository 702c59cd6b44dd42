"""Tables that tie a row to others, as ticked boxes of its form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from gateway.web.typed import number_typed
from gateway.web.visit import Visit


@dataclass(frozen=True, slots=True)
class TieTable:
    """One such table."""

    name: str
    own: str
    """The field with the row's number."""
    other: str


def tied_rows(visit: Visit, table: TieTable) -> dict[int, set[int]]:
    """What is tied to each row."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for row in visit.rows(table.name, fields=[table.own, table.other]):
        found[row[table.own]].add(row[table.other])
    return found


def ticked(visit: Visit, control: str) -> set[int]:
    """The boxes `control` of the form that are ticked."""
    return {number_typed(control, text) for text in visit.form.getlist(control)}


def tie(
    visit: Visit, table: TieTable, number: int, wanted: Collection[int], present: Collection[int]
) -> None:
    """Tie `wanted` and nothing else to the row `number`, to which `present` is tied."""
    if new := sorted(set(wanted) - set(present)):
        rows = [{table.own: number, table.other: it} for it in new]
        visit.run("create_objects", object=table.name, values=rows)
    if gone := sorted(set(present) - set(wanted)):
        where = {table.name: {table.own: number, table.other: gone}}
        visit.run("destroy_objects", object=table.name, where=where)
