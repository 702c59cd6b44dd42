"""The names of people, groups and doors of a site; each is read when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.clock import DeviceTime, from_unix_s
from gateway.errors import StorageError
from gateway.settings import SiteFile

Lookup = Callable[[str, int], str]
"""From an object and the id of a row to its name, empty for none. Raises StorageError."""


class SiteNames:
    """The names of one site. Implements `WordNames` of `gateway.explain.reason_words`.

    Where a name is empty or cannot be read, the kind of row and its id replace it: `user 7`.
    """

    def __init__(self, site: SiteFile, device_time: DeviceTime, lookup: Lookup) -> None:
        self._doors = {door.id: door.shown for door in site.doors()}
        self._site = site
        self._device_time = device_time
        self._lookup = lookup
        freed = [door.shown for door in site.doors() if door.fire_release]
        if site.turnstile and site.turnstile.fire_release:
            freed.append(site.turnstile.shown)
        self.freed_by_fire = f"{', '.join(freed)} stay unlocked" if freed else "it frees no door"
        """What the fire input does, in words."""
        self.turnstile = site.turnstile.shown if site.turnstile else "turnstile"

    def person(self, id_: int) -> str:
        return self.bare("users", id_) or f"user {id_}"

    def group(self, id_: int) -> str:
        return self._quoted("group", "groups", id_)

    def area(self, id_: int) -> str:
        return self._quoted("area", "areas", id_)

    def portal(self, id_: int) -> str:
        """A portal, as `portal 'Standard'`."""
        return self._quoted("portal", "portals", id_)

    def door(self, number: int) -> str:
        return self._doors.get(number, f"door {number}")

    def device(self, name: str) -> str:
        """The title of the reader or module `name`."""
        return self._site.shown(name)

    def output(self, name: str) -> str:
        """The title of an output of triggers."""
        return next((it.shown for it in self._site.output if it.name == name), name)

    def wall(self, utc_s: int) -> int:
        return self._device_time.local(from_unix_s(utc_s))

    def wall_of_stamp(self, stamp: int) -> int:
        return self._device_time.local_of(stamp)

    def local(self, utc: datetime) -> int:
        """An instant on the site's wall clock."""
        return self._device_time.local(utc)

    def bare(self, table: str, id_: int) -> str:
        """The name of a row alone, empty where it has none or cannot be read."""
        try:
            return self._lookup(table, id_)
        except StorageError:
            return ""

    def _quoted(self, what: str, table: str, id_: int) -> str:
        name = self.bare(table, id_)
        return f"{what} '{name}'" if name else f"{what} {id_}"
