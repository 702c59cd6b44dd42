"""The outbox on a real journal and store, with a server of straw and a clock that a test moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.clock import ManualClock
from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, Entry, EntryKind, Journal, JournalReader
from gateway.store.objects.store import Store
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.monitor import Notification
from gateway.uplink.outbox import Change, Outbox

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY_S = 86_400


@dataclass
class StrawChannel:
    """Tells of every alarm its number; takes what `answers` says, in turn, then all."""

    server: str | None = "http://server:80"
    answers: list[SendOutcome] = field(default_factory=list)
    got: list[str] = field(default_factory=list)
    alive_s: float = 0.0
    probed: bool = True
    name: str = "straw"
    kinds: tuple[EntryKind, ...] = (EntryKind.ALARM, EntryKind.FIRE)
    tables: tuple[str, ...] = ("cards",)
    refusal: str = ""
    held: str | None = None
    success_utc: int = 0
    away: bool = False
    """Fails at everything."""
    tried: int = 0

    @property
    def events(self) -> list[str]:
        """What it got, without keep-alives."""
        return [it for it in self.got if it != "alive"]

    def configure(self) -> str | None:
        if self.refusal:
            raise InvalidRequest(self.refusal)
        return self.server

    def told_of(self, entries: list[CommittedEntry]) -> list[tuple[int, list[Notification]]]:
        return [(entry.seq, self._messages(entry)) for entry in entries]

    @staticmethod
    def _messages(entry: CommittedEntry) -> list[Notification]:
        if entry.kind is EntryKind.FIRE:  # of which there are two messages
            return [Notification("fire", {"id": f"{it}{entry.seq}"}) for it in "ab"]
        return [Notification("alarm", {"id": entry.body["row"]["id"]})]

    def told_of_change(self, change: Change) -> Notification | None:
        return Notification("card", {"id": f"{change.operation} {change.row_id}"})

    def alive(self) -> Notification:
        return Notification("alive", {"id": "alive"})

    def send(self, message: Notification) -> tuple[SendOutcome, str]:
        self.tried += 1
        outcome = self.answers.pop(0) if self.answers else SendOutcome.ACCEPTED
        if self.away:
            outcome = SendOutcome.FAILED
        if outcome is SendOutcome.ACCEPTED:
            self.got.append(str(message.body["id"]))
        return outcome, "" if outcome is SendOutcome.ACCEPTED else "it said no"

    def abort(self) -> None: ...

    def close(self) -> None: ...


class OutboxSite:
    """A journal, a store and a server."""

    def __init__(self, path: Path) -> None:
        Journal.create(path / "journal.db")
        self.path = path
        self.journal = Journal(path / "journal.db", "boot")
        self.reader = JournalReader(path / "journal.db")
        self.store = Store.create(path / "store.db", REGISTRY, lambda: 99)
        self.clock = ManualClock(NOW)
        self.channel = StrawChannel()
        self.alarms = 0

    def outbox(self, settings: ServerSettings | None = None) -> Outbox:
        """One as after a start of the process; its thread does not run."""
        return Outbox(
            self.channel,
            self.store,
            self.reader,
            self.clock,
            settings or ServerSettings(),
            lambda: True,
        )

    def alarm(self, count: int = 1) -> None:
        first = self.alarms + 1
        self.alarms += count
        ids = range(first, self.alarms + 1)
        rows = ({"id": it, "event": 1, "cause": 7, "time": 5} for it in ids)
        self._append(EntryKind.ALARM, *({"row": row} for row in rows))

    def fire(self) -> None:
        self._append(EntryKind.FIRE, {"on": True})

    def nothing(self) -> None:
        self._append(EntryKind.FAULT, {"part": "x", "why": None})

    def close(self) -> None:
        self.store.close()
        self.reader.close()
        self.journal.close()

    def _append(self, kind: EntryKind, *bodies: Mapping[str, object]) -> None:
        utc = self.clock.utc()
        self.journal.append([Entry(kind, it, utc, 1, clock_trusted=True) for it in bodies], {})


def drain(site: OutboxSite, outbox: Outbox, rounds: int = 200) -> None:
    """Let it work, and the time pass for which it pauses, until it waits to be woken."""
    for _ in range(rounds):
        pause_s = outbox.work()
        if pause_s is None:
            return
        site.clock.advance(pause_s + 0.001)
    raise AssertionError("it never came to an end")


def counts(outbox: Outbox) -> tuple[int, int, int, int]:
    """Delivered, refused, dropped, backlog."""
    state = outbox.state
    assert state is not None
    return state.delivered, state.refused, state.dropped, state.backlog
