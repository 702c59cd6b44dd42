"""When each alarm zone is armed: its time zones, compiled from their rows."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from types import MappingProxyType

from gateway.access.condition import Condition, restricting
from gateway.access.rows import LinkRow, TimeSpanRow
from gateway.access.schedule import compile_zone
from gateway.access.slices import sliced


def compile_schedules(
    links: Iterable[LinkRow], spans: Iterable[TimeSpanRow]
) -> Generator[None, None, Mapping[int, Condition]]:
    """By alarm zone, when it is armed; the time is in proportion to the number of rows.

    A time zone that is empty or cannot be read disarms nothing, as it lifts no block.
    """
    wanted: dict[int, list[int]] = {}
    for part in sliced(links):
        for alarm_zone, time_zone in part:
            wanted.setdefault(alarm_zone, []).append(time_zone)
        yield
    if not wanted:
        return MappingProxyType({})
    its_spans: dict[int, list[TimeSpanRow]] = {zone: [] for ids in wanted.values() for zone in ids}
    for rows in sliced(spans):
        for row in rows:
            if row.time_zone_id in its_spans:
                its_spans[row.time_zone_id].append(row)
        yield
    compiled = {}
    for id_, found in its_spans.items():
        compiled[id_] = yield from compile_zone(found)
    return MappingProxyType(
        {zone: restricting([compiled[id_] for id_ in ids]) for zone, ids in wanted.items()}
    )
