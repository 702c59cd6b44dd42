"""Makes what triggers see of a journal entry."""

from __future__ import annotations

from gateway.explain.events import DoorsOfPortals, event_of
from gateway.explain.names import SiteNames
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.triggers.values import TriggerFact
from gateway.triggers.words import Occurrence


def fact_of(entry: CommittedEntry, names: SiteNames, doors: DoorsOfPortals) -> TriggerFact | None:
    """The fact of an entry; None for one that sets nothing off, such as those of triggers.

    `doors` are the doors that each portal opens.
    """
    try:
        event = event_of(entry, names, doors)
    except ValueError:  # a reason of a newer version
        return None
    if event is None or not isinstance(event.what, Occurrence):
        return None
    cause = entry.body["row"]["cause"] if entry.kind is EntryKind.ALARM else 0
    return TriggerFact(event.what, event.doors, event.users, event.reader, int(cause))
