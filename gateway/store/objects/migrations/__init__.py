"""Numbered steps from one form of `store.db` to the next; a released step is never edited.

Tables of declared objects and new optional fields need no step: they derive from the declarations
whenever the file is opened. A step is for what declarations cannot express: our own tables, and
changes of existing data. A field that is removed from a declaration needs a step that drops its
column: the restore of a backup would refuse a column that nothing declares as one of a newer
program.
"""

from __future__ import annotations

from collections.abc import Callable

import peewee

from gateway.store.objects.migrations import (
    m0001_base,
    m0002_pins_by_type,
    m0003_photos,
    m0004_sealing,
)

MIGRATIONS: tuple[Callable[[peewee.Database], None], ...] = (
    m0001_base.apply,
    m0002_pins_by_type.apply,
    m0003_photos.apply,
    m0004_sealing.apply,
)
"""Step n is at index n - 1."""

VERSION = len(MIGRATIONS)
"""The form that this program reads and writes; a file's own is in SQLite's `user_version`."""
