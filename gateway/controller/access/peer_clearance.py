"""Opens what has waited for other devices, or keeps it locked."""

from __future__ import annotations

from typing import Any

from gateway.access.facts import cut
from gateway.clock import Clock, monotonic_ms
from gateway.controller.access.outcome_handler import OutcomeHandler
from gateway.controller.doors.clearances import (
    NOT_ANSWERED,
    Clearances,
    ClearancesState,
    WaitingOpening,
)
from gateway.controller.doors.interlock import Interlock
from gateway.controller.state.component import Component
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.link.messages import AnswerClearance


class PeerClearance(Component):
    """Takes the answers of the network interlock. The loop's thread alone uses it."""

    def __init__(
        self,
        clearances: Clearances,
        interlock: Interlock,
        outcomes: OutcomeHandler,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._clearances = clearances
        self._interlock = interlock
        self._outcomes = outcomes
        self._recorder = recorder
        self._clock = clock
        self._config: EffectiveConfig | None = None

    def state(self) -> ClearancesState:
        return self._clearances.state()

    def restore(self, state: ClearancesState) -> None:
        self._clearances.restore(state)

    def configure(self, config: EffectiveConfig) -> None:
        self._config = config
        self._clearances.settings = config.network_interlock

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over settings; what waits opens at once if no other device is asked any more."""
        self.configure(config)
        if not config.network_interlock.enabled:
            for waiting in self._clearances.take_all():
                self._open(waiting, now_ms)

    def tick(self, now_ms: int) -> None:
        """Refuse what has waited for too long."""
        for waiting in self._clearances.take_overdue(now_ms):
            self._refuse(waiting, {"peer": "", "why": NOT_ANSWERED})

    def due_ms(self) -> int | None:
        """When `tick` is next needed."""
        return self._clearances.due_ms()

    def answered(self, answer: AnswerClearance) -> int:
        """Open or refuse what waits for `answer`; return the ticket of the newest entry.

        Raises NotFound, and changes nothing, if nothing waits for it.
        """
        waiting = self._clearances.take(answer.question)
        if answer.free:
            self._open(waiting, monotonic_ms(self._clock))
        else:
            self._refuse(waiting, {"peer": cut(answer.peer), "why": cut(answer.why)})
        return self._recorder.last_ticket

    def _open(self, waiting: WaitingOpening, now_ms: int) -> None:
        if waiting.grant is None:
            self._interlock.exit_cleared(waiting.exit_door, now_ms)
        elif self._config is not None:
            self._outcomes.cleared(waiting.grant, self._config)

    def _refuse(self, waiting: WaitingOpening, known: dict[str, Any]) -> None:
        if waiting.grant is None:
            self._interlock.exit_refused(waiting.exit_door, known)
        else:
            self._outcomes.not_cleared(waiting.grant, known)
