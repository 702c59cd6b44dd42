"""The journal at the start of process 1: opened or made anew, read, and written from then on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from gateway.clock import DeviceTime, SiteZone, boot_id, monotonic_ms, unix_s
from gateway.controller.components import Item
from gateway.controller.mirror.log_ids import known_of
from gateway.controller.mirror.mirror import Mirror
from gateway.controller.past import JournalHealth, Past, clock_floor, read_past
from gateway.controller.state.event_log import EventLog
from gateway.controller.state.flight import Flight
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.instant import Instant
from gateway.controller.state.journal_writer import JournalWriter
from gateway.controller.state.ports import Writer
from gateway.controller.state.recorder import Recorder
from gateway.errors import DamagedFile, StorageError
from gateway.explain.names import SiteNames
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.rig import Rig
from gateway.host.clock_trust import ClockTrust, is_behind
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SiteFile
from gateway.settings.seal_key import sealer_of
from gateway.store.files import JOURNAL_FILE, mirror_path
from gateway.store.files.current import CurrentFile
from gateway.store.journal import JOURNAL_FORM, EntryKind, Journal, Timer
from gateway.store.journal.history import History, NoHistory, ReadOnlyHistory
from gateway.store.journal.renewal import JournalFile
from gateway.store.journal.retention import Retention
from gateway.store.mirror.key_id import key_of

log = structlog.get_logger("controller")


@dataclass(frozen=True, slots=True)
class Record:
    """The running journal writer and what records into it."""

    writer: Writer
    recorder: Recorder
    zone: SiteZone
    device_time: DeviceTime
    past: Past = field(default_factory=Past)
    health: JournalHealth = field(default_factory=JournalHealth)


@contextmanager
def recording(
    site: SiteFile,
    profile: BoardProfile,
    data: Path,
    runtime: RuntimeDirectory,
    instant: Instant,
    inbox: Inbox[Item],
    flight: Flight,
    mirror: Mirror,
) -> Iterator[Record]:
    """Read the journal and write it from here on; raises StorageError and DamagedFile."""
    path = data / JOURNAL_FILE
    file = JournalFile(
        path,
        boot_id(),
        instant.utc,
        partial(known_of, data),
        sealer_of(data, site),
        partial(key_of, mirror_path(data)),
    )
    with closing(CurrentFile(path, JOURNAL_FORM)) as current:
        found = _opened(file, current)
        try:
            past = _past(found.history, profile, runtime, instant)
        except DamagedFile as why:
            found = _renewed(file, found, why)
            past = _past(found.history, profile, runtime, instant)
        past.used_up.complete &= file.replaced is None
        last_ids = _last_ids(found.history, data)
    retention = Retention(site.site.journal_days, site.site.journal_mb * 1_000_000)
    health = JournalHealth(file, [found.history.damage], retention)
    zone = SiteZone(site.site.zone)
    device_time = DeviceTime(zone, site.site.wire_time)
    events = EventLog(SiteNames(site, device_time, mirror.names))
    writer = JournalWriter(
        found.journal,
        last_ids,
        inbox.post,
        events.add,
        opener=file,
        fault=found.fault,
        retention=retention,
    )
    watched = flight.writer(writer, last_ids)
    recorder = Recorder(watched, instant, device_time, instant)
    with events.running():
        writer.start()
        try:
            yield Record(watched, recorder, zone, device_time, past, health)
            recorder.note(EntryKind.STOPPED)
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class _Found:
    """The journal as a start finds it."""

    journal: Journal | None
    """None while it cannot be written."""
    history: History
    fault: str | None = None
    """Why not."""


def _opened(file: JournalFile, current: CurrentFile) -> _Found:
    try:
        journal = file.open()
    except StorageError as error:
        why = str(error)
        log.error("the journal cannot be opened; doors go on", why=why)  # noqa: TRY400 - the reason says it all
        return _Found(None, ReadOnlyHistory(current), str(error))
    return _Found(journal, journal)


def _renewed(file: JournalFile, found: _Found, why: DamagedFile) -> _Found:
    """A new journal in the place of one in which a start met damage."""
    if found.journal is not None:
        found.journal.close()
        try:
            journal = file.renew(why)
        except StorageError as error:
            return _Found(None, NoHistory(), str(error))
        return _Found(journal, journal)
    return _Found(None, NoHistory(), found.fault)


def _past(
    history: History, profile: BoardProfile, runtime: RuntimeDirectory, instant: Instant
) -> Past:
    """What the journal tells, and from now on the clock is judged. Raises DamagedFile."""
    floor = clock_floor(history)
    # Something sets the clock of a desktop; a Pi must show that something does.
    instant.trust = ClockTrust(
        floor, simulated=profile.backend == "simulated", set_by_hand=runtime.clock_mark
    )
    return read_past(history, timer_of(instant), floor, monotonic_ms(instant))


def _last_ids(history: History, data: Path) -> dict[str, int]:
    """The ids given so far; those that the API shows where the journal cannot tell."""
    try:
        return history.last_ids()
    except StorageError:
        return dict(known_of(data).ids)


def note_start(record: Record, rig: Rig) -> None:
    """Journal the start, and an end before it that was not in order."""
    last = record.past.last
    if last is not None and record.past.ended_uncleanly:
        record.recorder.note(EntryKind.ENDED_UNCLEANLY, last_seq=last.seq)
    record.recorder.note(
        EntryKind.STARTED,
        outputs=[
            {
                **({"side": claim.side.value} if claim.side else {}),
                "door": claim.door,
                "on_start": claim.on_start.value,
                "edge": claim.edge,
            }
            for claim in rig.claims
        ],
    )


def note_clock(record: Record, instant: Instant) -> None:
    """Journal that the clock is behind the journal's newest trusted instant."""
    floor, utc = record.past.clock_floor, instant.utc()
    if floor is not None and is_behind(utc, floor):
        verdict = instant.judge(utc)
        record.recorder.note(
            EntryKind.CLOCK,
            trusted=verdict.trusted,
            why=verdict.value,
            floor_utc=unix_s(floor),
        )


def note_fire(record: Record) -> None:
    """Journal that a fire goes on over a restart."""
    since_utc = record.past.fire_since_utc
    if since_utc:
        record.recorder.note(EntryKind.FIRE, on=True, since_utc=since_utc)


def timer_of(instant: Instant) -> Timer:
    """What tells entries of this run and boot apart from others."""
    return Timer(boot_id(), instant, lambda: instant.trusted)
