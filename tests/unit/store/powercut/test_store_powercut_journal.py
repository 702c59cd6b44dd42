"""Power cuts over the journal, and over what is projected from it.

Of the journal nothing acknowledged is lost, a batch is whole or not there, ids never go back, and
the next start knows how the run before ended. The log tables show each entry of the journal that
is left once, whatever was cut between the two files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.controller.alarms.alarm_memory import AlarmMemory
from gateway.controller.past import Past
from gateway.controller.state.journal_writer import JournalWriter
from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import FACTORY_ROWS
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.journal import CommittedEntry, Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.store import Store

if TYPE_CHECKING:
    from tests.unit.store.powercut.conftest import Cut, PowerModel

JOURNAL_CUTS, PROJECTION_CUTS = 120, 80
RUNS, BATCHES = 5, 8
NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
PEOPLE = 5


@dataclass
class Controller:
    """What the controller hands to its journal, batch by batch, in runs that end in both ways."""

    last_ids: dict[str, int] = field(default_factory=dict)
    batches: list[tuple[list[Entry], dict[str, int]]] = field(default_factory=list)

    def append(self, journal: Journal, entries: list[Entry]) -> None:
        self.batches.append((entries, dict(self.last_ids)))
        journal.append(entries, self.last_ids)

    def entry(self, kind: EntryKind, **body: Any) -> Entry:
        number = sum(len(entries) for entries, _ in self.batches)
        utc = NOON + timedelta(seconds=number)
        return Entry(kind, body, utc, number * 1_000_000_000, clock_trusted=number % 3 > 0)

    def access(self) -> Entry:
        number = self._next("access_logs")
        row = {"id": number, "time": 1_000 + number, "event": 7, "user_id": number % PEOPLE + 1}
        return self.entry(EntryKind.ACCESS, row=row, rules=[1], reason="allowed", trace=[])

    def alarm(self) -> Entry:
        number = self._next("alarm_logs")
        row = {"id": number, "event": 2 - number % 2, "cause": number % 5, "time": 9, "door_id": 1}
        return self.entry(EntryKind.ALARM, row=row)

    def door(self) -> Entry:
        number = self._next("access_events")
        row = {"id": number, "event": "door", "type": "OPEN", "identification": "1", "timestamp": 1}
        return self.entry(EntryKind.ACCESS_EVENT, row=row)

    def _next(self, table: str) -> int:
        self.last_ids[table] = self.last_ids.get(table, 0) + 1
        return self.last_ids[table]

    def batch(self, number: int) -> list[Entry]:
        found = [self.access() for _ in range(number % 4 * 9 + 1)]
        found += [self.alarm(), self.door(), self.entry(EntryKind.FIRE, on=number % 2 == 0)]
        return [*found, self.entry(EntryKind.BAD_FRAME, bits="01" * 700)][: number * 7 + 1]

    def all(self, batches: int | None = None) -> list[Entry]:
        """The entries of the first `batches`."""
        return [entry for entries, _ in self.batches[:batches] for entry in entries]


def _work(controller: Controller, journal: Journal) -> Iterator[None]:
    """Each `yield` follows one commit."""
    for run in range(RUNS):
        controller.append(journal, [controller.entry(EntryKind.STARTED, run=run)])
        yield
        for number in range(BATCHES):
            controller.append(journal, controller.batch(number))
            yield
        if run % 2:
            controller.append(journal, [controller.entry(EntryKind.STOPPED)])
            yield


def told(entries: list[CommittedEntry] | list[Entry]) -> list[tuple[EntryKind, Any, datetime]]:
    return [(entry.kind, dict(entry.body), entry.utc) for entry in entries]


def given_next(journal: Journal) -> dict[str, int]:
    """The id that the next row of each log gets."""
    writer = JournalWriter(journal, journal.last_ids(), lambda _: None)
    return {table: writer.give_id(table) for table in ("access_logs", "alarm_logs")}


def _check_journal(cut: Cut, controller: Controller) -> None:
    path = cut.directory / JOURNAL_FILE
    with closing(Journal(path, "the next boot")) as journal, closing(JournalReader(path)) as reader:
        left = reader.after(0, 100_000)
        sizes = [len(controller.all(count)) for count in range(len(controller.batches) + 1)]
        batches = sizes.index(len(left))  # no half batch
        assert batches >= cut.acknowledged
        assert told(left) == told(controller.all(batches))
        assert [entry.seq for entry in left] == list(range(1, len(left) + 1))
        ids = controller.batches[batches - 1][1] if batches else {}
        assert journal.last_ids() == ids
        assert given_next(journal) == {
            table: ids.get(table, 0) + 1 for table in ("access_logs", "alarm_logs")
        }
        past = Past(journal.last_run(), AlarmMemory())
        assert past.ended_uncleanly == bool(left and left[-1].kind is not EntryKind.STOPPED)
        fires = [entry.body for entry in left if entry.kind is EntryKind.FIRE]
        fire = journal.last_of(EntryKind.FIRE)
        assert (fire.body if fire else None) == (fires[-1] if fires else None)
        # It goes on from there.
        seq = journal.append([controller.entry(EntryKind.STARTED)], journal.last_ids())
        assert seq == len(left) + 1
        assert reader.last_seq() == seq


def test_no_power_cut_takes_from_the_journal_what_was_acknowledged(
    tmp_path: Path, power: type[PowerModel]
) -> None:
    path = tmp_path / JOURNAL_FILE
    Journal.create(path)
    base = {JOURNAL_FILE: path.read_bytes()}
    recorder, controller = power.recorder(), Controller()
    with closing(Journal(path, "boot")) as journal:
        recorder.hear(JOURNAL_FILE, journal._database.connection())
        commits = sum(1 for _ in _work(controller, journal))
    model = power(power.script(base, recorder.statements), tmp_path / "replay")
    assert model.commits == commits == len(controller.batches)
    before = set()
    for cut in model.cuts(JOURNAL_CUTS, tmp_path / "cut"):
        assert model.judged(cut.directory / JOURNAL_FILE)[0] == ""
        _check_journal(cut, controller)
        before.add(cut.acknowledged)
    assert len(before) > commits * 0.9


def test_a_journal_that_does_not_sync_would_be_caught(
    tmp_path: Path, power: type[PowerModel]
) -> None:
    path = tmp_path / JOURNAL_FILE
    Journal.create(path)
    base = {JOURNAL_FILE: path.read_bytes()}
    recorder, controller = power.recorder(), Controller()
    with closing(Journal(path, "boot")) as journal:
        recorder.hear(JOURNAL_FILE, journal._database.connection())
        assert list(_work(controller, journal))
    model = power(
        power.script(base, recorder.statements), tmp_path / "replay", {"synchronous": "normal"}
    )

    def check_all() -> None:
        for cut in model.cuts(60, tmp_path / "cut"):
            _check_journal(cut, controller)

    with pytest.raises(AssertionError):
        check_all()


@dataclass(frozen=True)
class Instant:
    """What is there after a commit of either file."""

    journalled: int
    """Batches."""
    projected: str
    """All that the store holds."""
    deleted: int
    """Accesses with ids up to this were deleted by a client."""


class Both:
    """A controller's journal, and the store into which an api process projects it."""

    def __init__(self, directory: Path, power: type[PowerModel]) -> None:
        self._power = power
        self._journal_path, self._path = directory / JOURNAL_FILE, directory / STORE_FILE
        Journal.create(self._journal_path)
        with Store.create(self._path, REGISTRY, lambda: power.STAMP) as store:
            with store.transaction():
                for name, rows in FACTORY_ROWS.items():
                    store.insert(name, rows)
                store.insert("users", [{"id": n, "name": "x"} for n in range(1, PEOPLE + 1)])
            with closing(JournalReader(self._journal_path)) as reader:
                Projection(store, reader)
        self.base = {path.name: path.read_bytes() for path in (self._journal_path, self._path)}
        self.controller = Controller()
        self.recorder = power.recorder()
        self.instants: list[Instant] = []
        self._deleted = 0

    def play(self) -> None:
        with ExitStack() as stack:
            journal = stack.enter_context(closing(Journal(self._journal_path, "boot")))
            store = stack.enter_context(Store.open(self._path, REGISTRY, lambda: self._power.STAMP))
            reader = stack.enter_context(closing(JournalReader(self._journal_path)))
            projection = Projection(store, reader)
            self.recorder.hear(JOURNAL_FILE, journal._database.connection())
            self.recorder.hear(STORE_FILE, store.database.connection())
            self._note(store)
            for number, _ in enumerate(_work(self.controller, journal)):
                self._note(store)
                deletes = number % 7 == 6
                if deletes or number % 3 != 1:  # it may lie behind by some
                    projection.catch_up()
                    self._note(store)
                if deletes:
                    self._deleted = self.controller.last_ids["access_logs"] - 2
                    store.destroy("access_logs", {"access_logs": {"id": {"<=": self._deleted}}})
                    self._note(store)

    def _note(self, store: Store) -> None:
        state = self._power.digest(store.reader().connection())
        self.instants.append(Instant(len(self.controller.batches), state, self._deleted))

    def check(self, cut: Cut) -> None:
        wrong, state = self._power.judged(cut.directory / STORE_FILE)
        assert not wrong
        # Cursor and rows of one and the same commit, not older than the acknowledged one.
        states = [instant.projected for instant in self.instants]
        assert state in states[cut.acknowledged :]
        deleted = self.instants[states.index(state)].deleted
        with ExitStack() as stack:
            # The controller starts first, and its journal has what the other shows.
            path = cut.directory / JOURNAL_FILE
            stack.enter_context(closing(Journal(path, "the next boot")))
            store = stack.enter_context(
                Store.open(cut.directory / STORE_FILE, REGISTRY, lambda: self._power.STAMP)
            )
            reader = stack.enter_context(closing(JournalReader(path)))
            left = reader.after(0, 100_000)
            assert told(left) == told(self.controller.all())[: len(left)]
            assert len(left) >= len(self.controller.all(self.instants[cut.acknowledged].journalled))
            Projection(store, reader).catch_up()
            assert _shown(store) == _expected(left, deleted)
            before = self._power.digest(store.reader().connection())
            Projection(store, reader).catch_up()
            assert self._power.digest(store.reader().connection()) == before


def _shown(store: Store) -> dict[str, list[Any]]:
    columns = {
        "access_logs": ("id", "time", "user_id"),
        "alarm_logs": ("id", "event", "cause"),
        "access_events": ("id",),
        "access_log_access_rules": ("access_log_id", "access_rule_id"),
    }
    return {
        name: sorted(
            tuple(row[column] for column in wanted)
            for row in store.load({"object": name, "fields": list(wanted)}).rows
        )
        for name, wanted in columns.items()
    }


def _expected(entries: list[CommittedEntry], deleted: int) -> dict[str, list[Any]]:
    rows: dict[EntryKind, list[dict[str, int]]] = {}
    for entry in entries:
        rows.setdefault(entry.kind, []).append(entry.body.get("row", {}))
    accesses = [row for row in rows.get(EntryKind.ACCESS, []) if row["id"] > deleted]
    return {
        "access_logs": [(row["id"], row["time"], row["user_id"]) for row in accesses],
        "alarm_logs": [
            (row["id"], row["event"], row["cause"]) for row in rows.get(EntryKind.ALARM, [])
        ],
        "access_events": [(row["id"],) for row in rows.get(EntryKind.ACCESS_EVENT, [])],
        "access_log_access_rules": [(row["id"], 1) for row in accesses],
    }


def test_whatever_is_cut_every_entry_is_projected_exactly_once(
    tmp_path: Path, power: type[PowerModel]
) -> None:
    both = Both(tmp_path, power)
    both.play()
    model = power(power.script(both.base, both.recorder.statements), tmp_path / "replay")
    assert model.commits == len(both.instants) - 1
    behind = 0
    for cut in model.cuts(PROJECTION_CUTS, tmp_path / "cut"):
        both.check(cut)
        behind += both.instants[cut.acknowledged].journalled > 0
    assert behind > PROJECTION_CUTS / 2
