"""Openings that wait until the devices of the network interlock let this one open a door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.access.admission_values import AdmissionOutcome
from gateway.clock import Clock
from gateway.controller.state.pending import PendingAnswers
from gateway.credentials.values import Credential
from gateway.doors.door_settings import NetworkInterlock
from gateway.doors.peer_interlock import WAIT_MS
from gateway.link.messages import ClearanceQuestion, Opening
from gateway.settings import Side

MOST_WAITING = 16
"""Openings that wait at once."""
BUSY = "too many openings wait for other devices"
TWICE = "this person waits for other devices already"
NOT_HEARD = "the api process, which asks other devices, does not listen"
NOT_ANSWERED = "other devices did not answer in time"

_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class WaitingGrant:
    """A grant whose doors stay locked until the peers have answered."""

    outcome: AdmissionOutcome
    credential: Credential | None
    """What the log may keep."""
    named: tuple[Opening, ...] | None
    """What a server named; None for the actions of the decision."""
    sides: frozenset[Side]


@dataclass(frozen=True, slots=True)
class WaitingOpening:
    """What waits for one answer."""

    deadline_ns: int
    grant: WaitingGrant | None = None
    exit_door: int = 0
    """The door whose exit button was pressed; 0 for a grant."""


@dataclass(frozen=True, slots=True)
class ClearancesState:
    """What waits, by the id of its question."""

    waiting: Mapping[str, WaitingOpening]


class Clearances(PendingAnswers[WaitingOpening]):
    """Asks the peers, through the api process. The loop's thread alone uses it."""

    def __init__(
        self,
        ask: Callable[[ClearanceQuestion], bool],
        new_key: Callable[[], str],
        clock: Clock,
    ) -> None:
        """`ask` passes a question on and returns whether anybody listens; `new_key` makes ids."""
        super().__init__("opening", new_key, clock)
        self._ask = ask
        self.settings = NetworkInterlock()

    def state(self) -> ClearancesState:
        return ClearancesState(dict(self._waiting))

    def restore(self, state: ClearancesState) -> None:
        self._waiting = dict(state.waiting)

    def hold_grant(self, grant: WaitingGrant) -> str:
        """Let `grant` wait; why not, in words, or empty if it does."""
        person = grant.outcome.person
        others = [it.grant.outcome.person for it in self._waiting.values() if it.grant]
        if person is not None and any(it is not None and it.id == person.id for it in others):
            return TWICE
        return self._hold(WaitingOpening(self._deadline_ns(), grant))

    def hold_exit(self, door: int) -> str:
        """Let the exit button of `door` wait; why not, in words, or empty if it does."""
        if any(it.exit_door == door for it in self._waiting.values()):
            return ""
        return self._hold(WaitingOpening(self._deadline_ns(), exit_door=door))

    def _hold(self, waiting: WaitingOpening) -> str:
        if len(self._waiting) >= MOST_WAITING:
            return BUSY

        def ask(key: str) -> bool:
            return self._ask(ClearanceQuestion(id=key, deadline_ns=waiting.deadline_ns))

        return "" if self._put(waiting, ask) else NOT_HEARD

    def _deadline_ns(self) -> int:
        return self._clock.monotonic_ns() + WAIT_MS * _MS
