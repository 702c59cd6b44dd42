"""The journal, what is kept beside it, and its projection into the API's log tables."""

from gateway.store.journal.entries import JOURNAL_FORM, CommittedEntry, Entry, EntryKind, Timer
from gateway.store.journal.journal import Journal
from gateway.store.journal.reader import JournalReader

__all__ = [
    "JOURNAL_FORM",
    "CommittedEntry",
    "Entry",
    "EntryKind",
    "Journal",
    "JournalReader",
    "Timer",
]
