"""Reads which exception mode a door is in, and who set it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gateway.doors.values import Mode
from gateway.objects.modes import DEVICE, mode_key
from gateway.settings import SiteFile
from gateway.settings.configuration import Configuration
from gateway.store.objects.mode_rows import ModeRow, mode_facts
from gateway.store.policy.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class DoorModes:
    """The exception modes that hold for one door, or for the device."""

    device: Mode = Mode.NORMAL
    door: Mode = Mode.NORMAL
    """NORMAL for the device itself."""
    rows: tuple[ModeRow, ...] = ()
    """What is known of them, the newest first."""
    lock_down: Mapping[str, int | str] = field(default_factory=dict)
    """What is known of a lock-down, as the access log keeps it."""

    def requested(self, mode: Mode) -> Mapping[str, str]:
        """Who set `mode` and why; empty where that is not known."""
        row = self._row(mode)
        return {"login": row.login, "reason": row.reason} if row else {}

    def until_utc(self, mode: Mode) -> int:
        """When `mode` ends, in Unix seconds; 0 for no end."""
        row = self._row(mode)
        return row.until_utc if row else 0

    def _row(self, mode: Mode) -> ModeRow | None:
        name = "none" if mode is Mode.NORMAL else mode.value
        return next((row for row in self.rows if row.mode == name), None)


def exception_modes(
    site: SiteFile, snapshot: Snapshot, ended: Collection[int]
) -> dict[int, DoorModes]:
    """By door of `site`, and for the device; the modes of the doors in `ended` have ended."""
    configuration = snapshot.configuration
    device = _configured(configuration, DEVICE, ended)
    own = {door.id: _configured(configuration, door.id, ended) for door in site.door}
    own |= {box.id: _in_row(snapshot.modes.get(box.id), box.id, ended) for box in site.sec_box}
    found = {}
    for door in (DEVICE, *(door.id for door in site.doors())):
        places = dict.fromkeys((DEVICE, door))
        known = [snapshot.modes.get(each) for each in places if each not in ended]
        rows = sorted(filter(None, known), key=lambda row: row.since, reverse=True)
        place = DEVICE if device is Mode.LOCK_DOWN else door
        facts = mode_facts(place, snapshot.modes.get(place))
        found[door] = DoorModes(device, own.get(door, Mode.NORMAL), tuple(rows), facts)
    return found


def _in_row(row: ModeRow | None, door: int, ended: Collection[int]) -> Mode:
    """The mode of a door on a module, which has no key."""
    return _mode(row.mode if row else "none", door, ended)


def _configured(configuration: Configuration, door: int, ended: Collection[int]) -> Mode:
    return _mode(configuration["general", mode_key(door)], door, ended)


def _mode(word: str, door: int, ended: Collection[int]) -> Mode:
    counts = word in (Mode.EMERGENCY, Mode.LOCK_DOWN) and door not in ended
    return Mode(word) if counts else Mode.NORMAL
