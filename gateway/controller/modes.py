"""Ends exception modes whose time is over, even while nobody can write that down elsewhere.

The configuration goes on naming such a mode until the api process has set it to none; here it
counts no more from the second at which its time was over, and after a restart neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from gateway.clock import Clock
from gateway.controller.recorder import Recorder
from gateway.link.messages import EndedMode
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.snapshot import Snapshot

log = structlog.get_logger("modes")


class ModeKeeper:
    """Remembers which modes have ended. The loop's thread alone uses it."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        trusted: Callable[[], bool],
        past: Iterable[CommittedEntry] = (),
    ) -> None:
        """`past` are entries of the journal about modes. A clock that is not `trusted` ends none:
        whoever locked a house down must not find it open after a power cut."""
        self._recorder = recorder
        self._clock = clock
        self._trusted = trusted
        self._ended = {
            EndedMode(door=entry.body["ended"], until_utc=entry.body["until_utc"])
            for entry in past
            if "ended" in entry.body
        }

    def over(self, snapshot: Snapshot) -> tuple[EndedMode, ...]:
        """The modes that `snapshot` names and whose time is over; one that has ended stays so."""
        found = []
        for door, row in snapshot.modes.items():
            if not row.until_utc:
                continue
            mode = EndedMode(door=door, until_utc=row.until_utc)
            if mode not in self._ended and self._is_past(row.until_utc):
                self._ended.add(mode)
                log.info("the time of an exception mode is over", door=door, mode=row.mode)
                self._recorder.note(
                    EntryKind.MODE, ended=door, mode=row.mode, until_utc=row.until_utc
                )
            if mode in self._ended:
                found.append(mode)
        return tuple(found)

    def known(self, snapshot: Snapshot) -> tuple[EndedMode, ...]:
        """What `over` last gave, without looking at the clock."""
        named = (
            EndedMode(door=door, until_utc=row.until_utc) for door, row in snapshot.modes.items()
        )
        return tuple(mode for mode in named if mode in self._ended)

    def _is_past(self, until_utc: int) -> bool:
        return self._trusted() and self._clock.utc().timestamp() >= until_utc
