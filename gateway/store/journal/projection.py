"""The API's log tables, projected from the journal: exactly once, in its order.

The first of the journal's consumers. Rows and cursor move in one transaction, so that a process
which dies between two steps repeats nothing and leaves nothing out.

A turnstile's turn raises counters, a use of a credential is shown in its row, and a release that
nobody used changes the row of its access: each is an entry of its own, since the journal is only
ever added to.

An entry that is damaged, or that the tables do not take, is skipped and counted: no entry keeps
those that follow it from the tables.

The table of accesses is bounded: of more rows than its capacity the oldest go, with their ties to
rules. Only what clients can query gets shorter; the journal keeps the truth.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import peewee
import structlog

from gateway.access.log_events import AccessEvent
from gateway.settings import ACCESS_LOG_CAPACITY
from gateway.store.files.database import storage_errors
from gateway.store.journal.entries import CommittedEntry, EntryKind
from gateway.store.journal.reader import JournalReader
from gateway.store.journal.sealed_rows import storable_row
from gateway.store.objects.store import Store

_BATCH = 500
_PRUNED = 2_000
"""Rows that go in one transaction at most, so that no other write waits for long. More than a
step adds, so that a table which is far too long gets shorter with each."""
_SLACK_MAX = 1_000
_NAME = "log_tables"
TURN_COUNTS_ROW = 1
"""Id of the one row of `catra_infos`."""

_TABLES = {
    EntryKind.ACCESS: "access_logs",
    EntryKind.ACCESS_EVENT: "access_events",
    EntryKind.TURN: "access_events",
    EntryKind.GAVE_UP: "access_events",
    EntryKind.ALARM: "alarm_logs",
}

_PROJECTED = (*_TABLES, EntryKind.CREDENTIAL_USED)

_REFUSED = (peewee.IntegrityError, ArithmeticError, LookupError, TypeError, ValueError)
"""What an entry raises that its declared form lets pass and its table does not."""

log = structlog.get_logger("log tables")


class _Cursor(peewee.Model):
    """How far one consumer of the journal has come."""

    name = peewee.TextField(primary_key=True)
    seq = peewee.BigIntegerField()

    class Meta:
        table_name = "journal_cursors"


class Projection:
    """Brings the log tables up to the committed journal. Any thread may ask for it."""

    def __init__(
        self, store: Store, journal: JournalReader, capacity: int = ACCESS_LOG_CAPACITY
    ) -> None:
        """`capacity` is the number of rows that `access_logs` does not exceed, at least 1,000.

        It is kept by dropping a hundredth, at most 1,000 rows, at a time: counting the rows takes
        longer than adding one. A table that is longer to begin with, since the capacity was
        lowered, gets there with the next rows that come.
        """
        self._store = store
        self._journal = journal
        self._guard = threading.Lock()
        self._slack = min(capacity // 100, _SLACK_MAX)
        self._low = capacity - self._slack
        self._uncounted = self._slack
        """Rows added since the table was found, or made, no longer than `_low`. At the start
        nothing is known of it, so that the first step counts."""
        with store.transaction(), store.database.bind_ctx([_Cursor]):
            store.database.create_tables([_Cursor])
            _Cursor.insert(name=_NAME, seq=0).on_conflict_ignore().execute()
            whole = (_Cursor.name == _NAME) & (peewee.fn.typeof(_Cursor.seq) == "integer")
            # Where it is damaged: what is in the tables is written once more.
            self._done = max(_Cursor.select(_Cursor.seq).where(whole).scalar() or 0, 0)
        self._refused = 0

    @property
    def done(self) -> int:
        """The number of the last entry that is in the tables."""
        return self._done

    @property
    def skipped(self) -> int:
        """Entries that were skipped since this object was made."""
        return self._refused + self._journal.damage.count

    def catch_up(self) -> None:
        """Project everything that is committed now. Raises StorageError."""
        with storage_errors():
            last = self._journal.last_seq()
            if last == self._done:
                return
            with self._guard:
                if last < self._done:
                    # Numbers never go back: it is another journal, made anew or brought here.
                    log.error("the journal begins anew", projected=self._done, last=last)
                    self._done = 0
                while self._done < last:
                    self._step()

    def _step(self) -> None:
        batch = self._journal.batch(self._done, _BATCH)
        entries = [entry for entry in batch.entries if entry.kind in _PROJECTED]
        # None is left in a batch of which all was dropped meanwhile.
        reached = batch.reached if batch.reached > self._done else self._journal.last_seq()
        added = sum(entry.kind is EntryKind.ACCESS for entry in entries)
        try:
            refused = self._commit(entries, reached, added, self._insert)
        except _REFUSED:
            refused = self._commit(entries, reached, added, self._insert_apart)
        self._done = reached
        self._refused += refused

    def _commit(
        self,
        entries: list[CommittedEntry],
        reached: int,
        added: int,
        insert: Callable[[list[CommittedEntry]], int],
    ) -> int:
        with self._store.transaction(), self._store.database.bind_ctx([_Cursor]):
            refused = insert(entries)
            uncounted = self._prune(self._uncounted + added)
            _Cursor.update(seq=reached).where(_Cursor.name == _NAME).execute()
        self._uncounted = uncounted
        return refused

    def _insert(self, entries: list[CommittedEntry]) -> int:
        """Insert all of `entries`; 0, none was refused."""
        for entry in entries:
            self._insert_one(entry)
        return 0

    def _insert_apart(self, entries: list[CommittedEntry]) -> int:
        """Insert those of `entries` that the tables take; the number of the others."""
        refused = 0
        for entry in entries:
            try:
                with self._store.database.atomic():
                    self._insert_one(entry)
            except _REFUSED as error:
                why = f"{entry.kind.value}: {error}"
                log.error("an entry is skipped", entry=entry.seq, why=why)  # noqa: TRY400 - the reason says it all
                refused += 1
        return refused

    def _insert_one(self, entry: CommittedEntry) -> None:
        if entry.kind is EntryKind.CREDENTIAL_USED:
            self._count_use(entry.body)
            return
        table = _TABLES[entry.kind]
        columns = self._store.model(table)._meta.fields  # noqa: SLF001 - peewee's own way to ask
        row = {name: value for name, value in entry.body["row"].items() if name in columns}
        if entry.kind is EntryKind.ACCESS:
            row = dict(storable_row(row, self._store.sealer))
        # Only a client that moved a row's id can be in the way; the journal is the truth.
        self._store.model(table).insert(**row).on_conflict_replace().execute()
        match entry.kind:
            case EntryKind.ACCESS:
                self._after_access(row, entry.body)
            case EntryKind.TURN:
                self._count_turn(entry.body["counts"])
            case EntryKind.GAVE_UP:
                self._give_up(entry.body["access_log_id"])

    def _prune(self, uncounted: int) -> int:
        """Drop the oldest accesses when their table may be full; the new `_uncounted`."""
        if uncounted < self._slack:
            return uncounted
        logs, key = self._store.model("access_logs"), self._store.models.key("access_logs")
        excess = int(logs.select().count()) - self._low
        if excess <= 0:
            return 0
        going = min(excess, _PRUNED)
        last = logs.select(key).order_by(key).offset(going - 1).limit(1)
        logs.delete().where(key <= last).execute()
        return 0 if going == excess else self._slack

    def _after_access(self, row: dict[str, int], body: Mapping[str, Any]) -> None:
        rules = self._store.model("access_log_access_rules")
        for rule in body["rules"]:
            tie = rules.insert(access_log_id=row["id"], access_rule_id=rule)
            tie.on_conflict_ignore().execute()
        portal_rules = self._store.model("access_log_portal_rules")
        for rule in body.get("portal_rules", ()):
            tie = portal_rules.insert(access_log_id=row["id"], portal_rule_id=rule)
            tie.on_conflict_ignore().execute()
        if row["event"] == AccessEvent.GRANTED and row.get("user_id"):
            user_id = self._store.models.column("users", "id")
            entered = self._store.model("users").update(last_access=row["time"])
            entered.where(user_id == row["user_id"]).execute()

    def _count_use(self, body: Mapping[str, Any]) -> None:
        """Show the uses of a credential, unless its row is another person's by now, or is gone."""
        if "used" not in body:
            return
        table = body["object"]
        models = self._store.models
        shown = models[table].update(used=body["used"])
        its = models.key(table) == body["row_id"]
        shown.where(its & (models.column(table, "user_id") == body["user_id"])).execute()

    def _count_turn(self, counters: list[str]) -> None:
        """Raise `counters` by one. The row is made when it is not there: a reset takes it."""
        infos, key = self._store.model("catra_infos"), self._store.models.key("catra_infos")
        infos.insert(id=TURN_COUNTS_ROW).on_conflict_ignore().execute()
        columns = (self._store.models.column("catra_infos", name) for name in counters)
        raised = infos.update({column: column + 1 for column in columns})
        raised.where(key == TURN_COUNTS_ROW).execute()

    def _give_up(self, access_log_id: int) -> None:
        """The access was granted, and is now one given up; one that a client deleted stays away."""
        logs, key = self._store.model("access_logs"), self._store.models.key("access_logs")
        event = self._store.models.column("access_logs", "event")
        given_up = logs.update(event=int(AccessEvent.GAVE_UP))
        given_up.where((key == access_log_id) & (event == int(AccessEvent.GRANTED))).execute()
