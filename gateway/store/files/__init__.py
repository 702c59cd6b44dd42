"""Names of the files in the data directory, one writer each."""

from __future__ import annotations

from pathlib import Path

JOURNAL_FILE = "journal.db"
"""Only the controller writes it."""
STORE_FILE = "store.db"
"""Only the api process writes it."""
CHECKS_FILE = "checks.json"
"""Results of the latest full checks of both."""
MIRROR_FILE = "mirror.db"
"""What the controller decides by, beside the journal; see `gateway.store.mirror`."""

SEARCH_FILE = "search.db"
"""The index by which the api process finds people; derived from the store."""


def mirror_path(data: Path) -> Path:
    """The mirror of the data directory `data`. On a device the journal is a link into the
    directory where the controller alone may write."""
    return (data / JOURNAL_FILE).resolve().parent / MIRROR_FILE
