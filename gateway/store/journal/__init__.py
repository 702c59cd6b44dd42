"""The journal, what is kept beside it, and its projection into the API's log tables."""

from gateway.store.journal.journal import (
    CommittedEntry,
    Entry,
    EntryKind,
    Journal,
    JournalReader,
    Timer,
)

__all__ = ["CommittedEntry", "Entry", "EntryKind", "Journal", "JournalReader", "Timer"]
