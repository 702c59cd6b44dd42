"""Numbered steps from one form of `store.db` to the next; a released step is never edited.

The tables of declared objects need no step to come into being, nor do new fields that may be left
out: they derive from the declarations whenever the file is opened. A step is for what
declarations cannot tell: our own tables, and what happens to data that is already there. A field
that is removed from a declaration needs one that drops its column: the restore of a backup takes a
column that nothing declares for one of a newer program.
"""

from __future__ import annotations

from collections.abc import Callable

import peewee

from gateway.store.objects.migrations import m0001_base, m0002_pins_by_type, m0003_photos

MIGRATIONS: tuple[Callable[[peewee.Database], None], ...] = (
    m0001_base.apply,
    m0002_pins_by_type.apply,
    m0003_photos.apply,
)
"""Step n is at index n - 1."""

VERSION = len(MIGRATIONS)
"""The form that this program reads and writes; SQLite keeps the file's in `user_version`."""
