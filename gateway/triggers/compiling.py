"""Compiles the rows of `triggers`. A row that cannot be understood sets nothing off."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from gateway.access.rows import TimeSpanRow
from gateway.access.schedule import Condition, compile_zone, releasing
from gateway.access.slices import sliced
from gateway.triggers.values import Trigger, TriggerRow
from gateway.triggers.words import (
    MOST_TRIGGERS,
    TRIGGER_EVENTS,
    MessageDestination,
    TriggerAction,
)


def compile_triggers(
    rows: Iterable[TriggerRow], spans: Iterable[TimeSpanRow]
) -> Generator[None, None, tuple[Trigger, ...]]:
    """The triggers in the order of their ids; yields every few rows.

    A time zone that is empty or does not exist never holds.
    """
    taken = sorted(rows, key=lambda row: row.id)[:MOST_TRIGGERS]
    its_spans: dict[int, list[TimeSpanRow]] = {
        row.time_zone_id: [] for row in taken if row.time_zone_id
    }
    if its_spans:
        for part in sliced(spans):
            for span in part:
                if span.time_zone_id in its_spans:
                    its_spans[span.time_zone_id].append(span)
            yield
    zones = {}
    for id_, found in its_spans.items():
        zones[id_] = releasing([(yield from compile_zone(found))])
    return tuple(
        compiled(row, zones[row.time_zone_id] if row.time_zone_id else None)
        for row in taken
        if known(row)
    )


def known(row: TriggerRow) -> bool:
    """Whether this version knows the words of `row`."""
    return (
        row.event in TRIGGER_EVENTS
        and row.action in tuple(TriggerAction)
        and (not row.cancel_event or row.cancel_event in TRIGGER_EVENTS)
        and row.destination in tuple(MessageDestination)
    )


def compiled(row: TriggerRow, when: Condition | None) -> Trigger:
    """The trigger of a row; `when` is its time zone."""
    days = (row.sun, row.mon, row.tue, row.wed, row.thu, row.fri, row.sat)
    return Trigger(
        id=row.id,
        name=row.name,
        event=TRIGGER_EVENTS[row.event],
        action=TriggerAction(row.action),
        enabled=bool(row.enabled),
        door_id=row.door_id,
        reader=row.reader,
        user_id=row.user_id or 0,
        group_id=row.group_id or 0,
        cause=row.cause,
        when=when,
        start_s=row.start,
        days=tuple(map(bool, (*days, row.hol1, row.hol2, row.hol3))),
        delay_ms=row.delay_ms,
        cancel=TRIGGER_EVENTS[row.cancel_event] if row.cancel_event else None,
        output=row.output,
        target_door_id=row.target_door_id,
        alarm_zone=row.alarm_zone,
        duration_ms=row.duration_ms,
        message=row.message,
        destination=MessageDestination(row.destination),
    )
