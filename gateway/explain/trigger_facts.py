"""Makes what triggers see of a journal entry."""

from __future__ import annotations

from gateway.explain.events import DoorsOfPortals, event_of
from gateway.explain.names import SiteNames
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.triggers.values import TriggerFact
from gateway.triggers.words import TriggerEvent

_WORDS = {word.value: word for word in TriggerEvent}


def fact_of(entry: CommittedEntry, names: SiteNames, doors: DoorsOfPortals) -> TriggerFact | None:
    """The fact of an entry; None for one that sets nothing off, such as those of triggers.

    `doors` are the doors that each portal opens.
    """
    if entry.kind in (EntryKind.TRIGGER, EntryKind.OUTPUT):
        return None
    try:
        event = event_of(entry, names, doors)
    except ValueError:  # a reason of a newer version
        return None
    what = _WORDS.get(event.what.value) if event else None
    if event is None or what is None:
        return None
    cause = entry.body["row"]["cause"] if entry.kind is EntryKind.ALARM else 0
    return TriggerFact(what, event.doors, event.users, event.reader, int(cause))
