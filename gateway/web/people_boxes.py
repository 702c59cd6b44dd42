"""People as boxes of a form: those that are ticked, and those who match a search."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gateway.web.visit import Visit

MOST_FOUND = 10


def people_boxes(
    visit: Visit, chosen: Collection[int], text: str = ""
) -> list[tuple[Mapping[str, Any], bool]]:
    """Rows of people with whether they are ticked: `chosen`, then others who match `text`."""
    where = {"users": {"id": sorted(chosen)}}
    rows = (
        visit.rows("users", fields=["id", "name", "registration"], where=where, order=["name"])
        if chosen
        else []
    )
    found = visit.run("search", text=text, limit=MOST_FOUND)["people"] if text else ()
    others = [(row, False) for row in found if row["id"] not in chosen]
    return [*((row, True) for row in rows), *others]
