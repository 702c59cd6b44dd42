"""The outbox of one destination: its thread, its queue, its durable cursors.

The journal and the change log are the queue; only the next few messages are in memory. A cursor
moves when the server has answered, and is stored within a second: after a crash some messages go
out twice, none is lost, and their order stays.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.clock import Clock
from gateway.errors import InvalidRequest
from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, EntryKind, JournalReader
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState
from gateway.uplink.delivery import Phase, Progress, SendOutcome, Verdict, begin, settle
from gateway.uplink.monitor import Notification
from gateway.uplink.threads import DestinationThread

BATCH = 200
"""Rows that are read at once."""
URGENT_S = 300.0
"""How long a message that is kept in memory only may wait."""
URGENT_MOST = 20

log = structlog.get_logger("outbox")


@dataclass(frozen=True, slots=True)
class Change:
    """A row of `change_logs`."""

    id: int
    operation: str
    table: str
    row_id: int
    stamp: int


class ServerChannel(Protocol):
    """How one kind of server is spoken to. The thread of its outbox uses it, except for `abort`."""

    @property
    def name(self) -> str: ...

    @property
    def kinds(self) -> Collection[EntryKind]:
        """Entries that the server is told of."""

    @property
    def tables(self) -> Collection[str]:
        """Objects whose changes it is told of."""

    def configure(self) -> str | None:
        """Take over what clients have set; the address to show, None while the channel is off.

        Raises StorageError, and InvalidRequest for settings that cannot be used.
        """

    @property
    def held(self) -> str | None:
        """None while messages may be sent; else why not, empty if that is no failure."""

    @property
    def success_utc(self) -> int:
        """When the server answered last what is sent to it beside the outbox, in Unix seconds."""

    def told_of(self, entries: list[CommittedEntry]) -> list[tuple[int, list[Notification]]]:
        """The messages of `entries`, in order, with the number of the entry that each is about."""

    def told_of_change(self, change: Change) -> Notification | None:
        """The message of a change; None if there is nothing to tell. Raises StorageError."""

    @property
    def probed(self) -> bool:
        """Whether `alive` also serves as probe."""

    def alive(self) -> Notification:
        """The keep-alive, of a channel that has one. Raises StorageError."""

    @property
    def alive_s(self) -> float:
        """Time between two keep-alives, 0 for none."""

    def send(self, message: Notification) -> tuple[SendOutcome, str]:
        """Send one message; the second part says in a few words what went wrong."""

    def abort(self) -> None:
        """End the running request."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A message in the queue."""

    message: Notification
    utc: datetime | None = None
    """When it happened by a trusted clock."""
    journal_seq: int = 0
    """Where the cursor stands after it; 0 for where it is."""
    change_id: int = 0
    expires_s: float = 0.0
    """Monotonic time, of a message in memory only."""


class Outbox(DestinationThread):
    """Sends to one destination until closed. Any thread may call its methods."""

    def __init__(
        self,
        channel: ServerChannel,
        store: Store,
        journal: JournalReader,
        clock: Clock,
        settings: ServerSettings,
        trusted: Callable[[], bool],
    ) -> None:
        """`trusted` tells whether the clock is trusted. Raises StorageError."""
        super().__init__(channel.name, store, clock)
        self._channel = channel
        self._journal = journal
        self._settings = settings
        self._trusted = trusted
        self._progress = Progress()
        self._queue: deque[_Item] = deque()
        self._urgent: deque[_Item] = deque()
        self._current: _Item | None = None
        """The message that `_progress` is about."""
        self._alive_sent_s = -float("inf")
        self._held: str | None = None
        self._retry = threading.Event()

    @property
    def journal_seq(self) -> int | None:
        """The last entry of the journal that it is done with; None while it is off."""
        state = self._record.state
        return None if state is None else state.journal_seq

    def retry(self) -> None:
        """The server can be reached again: a pause after failures ends."""
        self._retry.set()
        self._wake.set()

    def send_soon(self, message: Notification) -> None:
        """Send `message` before all others. It is never stored: it may hold a PIN."""
        if self._record.state is not None and len(self._urgent) < URGENT_MOST:
            self._urgent.append(_Item(message, expires_s=self._now_s() + URGENT_S))
            self.wake()

    # the thread

    def _interrupt(self) -> None:
        self._channel.abort()

    def _release(self) -> None:
        self._channel.close()

    def _step(self) -> float | None:
        """One request, or one step towards it; the pause before the next one, 0 for none."""
        try:
            server = self._channel.configure()
        except InvalidRequest as error:
            self._begin("")
            self._record.stays_failed(str(error))
            return None
        if server is None:
            self._switch_off()
            return None
        self._begin(server)
        now_s = self._now_s()
        if self._retry.is_set():
            self._retry.clear()
            self._progress = replace(self._progress, not_before_s=0.0)
        item = self._next(now_s)
        if self._is_held():
            return None
        if self._progress.not_before_s > now_s:
            return self._progress.not_before_s - now_s
        if item is None and not self._progress.probes:
            left_s = self._alive_left_s(now_s)
            if left_s is None or left_s > 0:
                return left_s
        self._send(item)
        return 0

    def _is_held(self) -> bool:
        """Whether nothing may be sent now, as the channel knows from elsewhere."""
        held, state = self._channel.held, self._record.required()
        success_utc = max(state.last_success_utc, self._channel.success_utc)
        self._record.state = replace(state, last_success_utc=success_utc)
        if held:
            self._record.stays_failed(held)
        if held is None and self._held:
            self._progress = Progress(suspects=self._progress.suspects)
            self._record.succeeded()
        self._held = held
        return held is not None

    def _alive_left_s(self, now_s: float) -> float | None:
        """The seconds until the next keep-alive, None for never."""
        every_s = self._channel.alive_s
        return self._alive_sent_s + every_s - now_s if every_s else None

    def _begin(self, server: str) -> None:
        if self._record.state is None:
            # What happened before it was switched on is history: clients read it from the logs.
            self._record.state = DestinationState(
                self._channel.name,
                journal_seq=self._journal.last_seq(),
                change_id=self._last_change(),
            )
            self._alive_sent_s = self._now_s()
        if self._record.state.server != server:
            # Another server may answer at once, and get the backlog of the one before: as the
            # settings now have it, since without TLS it is told no secret.
            self._queue.clear()
            self._record.count(dropped=len(self._urgent))
            self._urgent.clear()
            self._current = None
            self._record.state = replace(self._record.state, server=server)
            self._progress = Progress()

    def _switch_off(self) -> None:
        if self._record.state is None:
            return
        self._record.forget()
        self._progress = Progress()
        self._queue.clear()
        self._urgent.clear()
        self._current = None
        self._channel.close()

    def _next(self, now_s: float) -> _Item | None:
        """The next message, which stays in its queue; None when there is none."""
        while self._urgent and self._urgent[0].expires_s <= now_s:
            self._urgent.popleft()
            self._record.count(dropped=1)
        self._drop_excess()
        fresh = self._progress.phase is Phase.SEND and not self._progress.failures
        item = None
        if self._urgent and (fresh or self._current is self._urgent[0]):
            item = self._urgent[0]
        elif self._filled():
            item = self._queue[0]
        elif self._urgent:
            item = self._urgent[0]
        if item is not None and item is not self._current:
            self._current = item
            self._progress = begin(self._progress, item.message.topic)
        return item

    def _send(self, item: _Item | None) -> None:
        """Send `item`, or the keep-alive; settle what comes of it."""
        probe = item is None or self._progress.probes
        message = self._channel.alive() if item is None or probe else item.message
        outcome, why = self._channel.send(message)
        topic = item.message.topic if item else message.topic
        now_s = self._now_s()
        if probe:
            self._alive_sent_s = now_s
        jitter = random.random()  # noqa: S311 - spreads load, keeps no secret
        phase = self._progress.phase
        self._progress, verdict = settle(
            self._progress, topic, outcome, now_s, jitter, probed=self._channel.probed
        )
        if self._stop.is_set() and outcome is SendOutcome.FAILED:
            return  # aborted
        if outcome is SendOutcome.FAILED:
            self._record.failed(f"{message.topic}: {why}")
        elif not (probe and phase is Phase.PROBE and item):
            self._record.succeeded(
                f"{message.topic}: {why}" if outcome is SendOutcome.UNKNOWN else ""
            )
        if item is not None and verdict is not Verdict.KEPT:
            if verdict is Verdict.REFUSED:
                log.warning("a message is given up", to=self._channel.name, topic=topic, why=why)
            self._done(item, verdict)

    def _done(self, item: _Item, verdict: Verdict | None) -> None:
        """Take `item` out of its queue and move the cursor; None is a message that was dropped."""
        (self._urgent if item.expires_s else self._queue).popleft()
        self._current = None
        state = self._record.required()
        self._record.state = replace(
            state,
            journal_seq=item.journal_seq or state.journal_seq,
            change_id=item.change_id or state.change_id,
            delivered=state.delivered + (verdict is Verdict.DELIVERED),
            refused=state.refused + (verdict is Verdict.REFUSED),
            dropped=state.dropped + (verdict is None),
        )

    # what is sent

    def _filled(self) -> bool:
        """Whether there is a message in the queue, after reading on where it was empty."""
        while not self._queue:
            state = self._record.required()
            last = self._journal.last_seq()
            if last < state.journal_seq:
                # Numbers never go back: it is another journal, made anew or brought here.
                log.warning("the journal begins anew", to=self._channel.name, last=last)
                self._record.state = state = replace(state, journal_seq=0)
            if last > state.journal_seq:
                self._read_journal(state, last)
            elif not self._read_changes(state):
                return False
        return True

    def _read_journal(self, state: DestinationState, last_seq: int) -> None:
        batch = self._journal.batch(state.journal_seq, BATCH)
        reached = max(batch.reached, state.journal_seq)
        if reached == state.journal_seq:  # all of it was dropped meanwhile
            reached = last_seq  # not the present one: it may be of an entry that is not read yet
        wanted = [entry for entry in batch.entries if entry.kind in self._channel.kinds]
        told = self._channel.told_of(wanted)
        times = {entry.seq: entry.utc if entry.clock_trusted else None for entry in wanted}
        before = state.journal_seq
        for seq, messages in told:
            for number, message in enumerate(messages, start=1):
                # The cursor moves past an entry with the last of its messages.
                after = seq if number == len(messages) else before
                self._queue.append(_Item(message, times[seq], journal_seq=after))
            before = seq
        if self._queue:
            last = self._queue.pop()
            self._queue.append(replace(last, journal_seq=reached))
        else:
            self._record.state = replace(state, journal_seq=reached)
        if state.journal_seq:
            # Numbers have no gaps but those of entries that left the journal, or are damaged.
            self._record.count(dropped=reached - state.journal_seq - len(batch.entries))

    def _read_changes(self, state: DestinationState) -> bool:
        """Whether there were any changes."""
        changes = list(self._changes_after(state.change_id))
        if not changes:
            return False
        if state.change_id and changes[0].id > state.change_id + 1:
            self._record.count(dropped=changes[0].id - state.change_id - 1)
        for change in changes:
            if change.table in self._channel.tables:
                message = self._channel.told_of_change(change)
                if message is not None:
                    self._queue.append(_Item(message, change_id=change.id))
        if self._queue:
            last = self._queue.pop()
            self._queue.append(replace(last, change_id=changes[-1].id))
        else:
            self._record.state = replace(self._record.required(), change_id=changes[-1].id)
        return True

    def _changes_after(self, number: int) -> Iterator[Change]:
        request = {
            "object": "change_logs",
            "where": {"change_logs": {"id": {">": number}}},
            "order": ["id"],
            "limit": BATCH,
        }
        for row in self._store.load(request).rows:
            number, stamp = int(str(row["id"])), int(str(row["timestamp"]))
            words = str(row["operation_type"]), str(row["table_name"])
            yield Change(number, *words, int(str(row["table_id"])), stamp)

    def _last_change(self) -> int:
        request = {"object": "change_logs", "order": ["id", "descending"], "limit": 1}
        return next((int(str(row["id"])) for row in self._store.load(request).rows), 0)

    def _drop_excess(self) -> None:
        """Drop the oldest messages beyond the bounds of number and age."""
        last = self._journal.last_seq()
        while self._filled():
            item = self._queue[0]
            too_many = last - self._record.required().journal_seq > self._settings.keep_rows
            if not (item.journal_seq and too_many) and not self._too_old(item):
                return
            self._done(item, None)

    def _too_old(self, item: _Item) -> bool:
        if item.utc is None:
            return False
        limit = timedelta(days=self._settings.keep_days)
        return self._clock.utc() - item.utc > limit and self._trusted()

    # its state

    def _backlog(self, state: DestinationState) -> int:
        waiting = self._journal.count(state.journal_seq, self._channel.kinds)
        columns = self._store.models.column
        changes = (
            self._store.model("change_logs")
            .select()
            .where(
                (self._store.models.key("change_logs") > state.change_id)
                & columns("change_logs", "table_name").in_(list(self._channel.tables))
            )
        )
        return waiting + int(changes.count(self._store.reader())) + len(self._urgent)
