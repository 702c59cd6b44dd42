"""Decides on credentials by the server of an online mode, or in its place while it is away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.access.admission_values import AdmissionOutcome, AdmissionStep
from gateway.access.attempt import Attempt, Duress, Factor
from gateway.access.facts import of_server
from gateway.access.log_events import AccessEvent
from gateway.access.online import OnlineMode, Operation
from gateway.access.person import Person
from gateway.access.reasons import Reason
from gateway.access.server_decision import (
    NOBODY,
    ServerVerdict,
    Unasked,
    after_answer,
    before_question,
    refuse_unasked,
)
from gateway.controller.access.admission_context import AdmissionContext, Outcomes, failure
from gateway.controller.access.identifier import Identified, Identifier, Shown
from gateway.controller.access.outcome_handler import OutcomeHandler
from gateway.controller.access.portal_opener import PortalOpener, PortalOpening
from gateway.controller.access.server_questions import (
    NOT_ANSWERED,
    ServerQuestions,
    ServerQuestionsState,
    WaitingRead,
)
from gateway.controller.state.component import Component, Emit, NotIdentified
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import People
from gateway.controller.state.recorder import Recorder
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.link.messages import AnswerQuestion, OnlineStatus, ReportServer

_UNIDENTIFIED = (Reason.SERVER_NOT_IDENTIFIED, Reason.UNKNOWN_CREDENTIAL)
_DURESS = {
    Factor.PIN: Duress.PIN,
    Factor.PASSWORD: Duress.PASSWORD,
}
"""The alarm of a duress that the server reports; for other factors, that of a card."""


class ServerDecisions(Component):
    """Has a server decide, and decides itself in contingency. The loop's thread alone uses it."""

    def __init__(
        self,
        questions: ServerQuestions,
        context: AdmissionContext,
        outcomes: OutcomeHandler,
        opener: PortalOpener,
        identifier: Identifier,
        people: People,
        recorder: Recorder,
        emit: Emit,
    ) -> None:
        self._questions = questions
        self._context = context
        self._outcomes = outcomes
        self._opener = opener
        self._identifier = identifier
        self._people = people
        self._recorder = recorder
        self._emit = emit
        self._config: EffectiveConfig | None = None

    def state(self) -> ServerQuestionsState:
        return self._questions.state()

    def restore(self, state: ServerQuestionsState) -> None:
        self._questions.restore(state)

    def configure(self, config: EffectiveConfig) -> None:
        self._config = config

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over settings; what waits is decided at once if the server no longer does."""
        del now_ms
        self.configure(config)
        self._questions.bind(config)
        self._settle_unless_online(config)

    def tick(self, now_ms: int) -> None:
        """Count the server as lost when the time of a question is over."""
        if self._config is not None and self._questions.overdue(now_ms):
            self._questions.report(self._config, NOT_ANSWERED)
            self._settle_unless_online(self._config)

    def due_ms(self) -> int | None:
        """When `tick` is next needed."""
        return self._questions.due_ms()

    def status(self) -> OnlineStatus | None:
        """None in standalone mode, and before the first settings."""
        return self._questions.status(self._config) if self._config else None

    def decide(
        self,
        read: Identification,
        identified: Identified,
        opening: PortalOpening,
        config: EffectiveConfig,
    ) -> tuple[Outcomes, bool]:
        """What becomes of a read, and whether it waits for the server from now on.

        `opening` is what the portal opens. Raises StorageError.
        """
        if self._questions.operation(config) is not Operation.ONLINE:
            return self._without_server(identified, opening, config), False
        attempt, pending = identified.attempt, self._context.pending
        seen = self._context.seen(attempt, opening, config)
        policy, settings = config.snapshot.policy, config.admission
        step = before_question(policy, settings, pending.admission, attempt, seen)
        hindrance = self._questions.hindrance(read, config)
        if step.undecided is None:
            return self._take(step, identified), False
        if hindrance:
            known = of_server(why=hindrance)
            return self._refuse(Reason.SERVER_UNDECIDED, known, identified, opening, config), False
        second = step.undecided.first is not None
        first_shown = pending.shown_first(read.reader) if second else None
        reader_id = self._identifier.identifier_id(read.reader)
        undecided = step.undecided
        if not self._questions.ask(read, identified, undecided, first_shown, reader_id, config):
            return self._without_server(identified, opening, config), False
        early = self._context.take(step)
        if second:
            pending.forget_first(read.reader)
        return early, True

    def report(self, command: ReportServer) -> int:
        """Take over whether the server can be asked; return the ticket of the newest entry."""
        why = None if command.reachable else command.why or NOT_ANSWERED
        self._questions.report(self._config, why)
        if self._config is not None:
            self._settle_unless_online(self._config)
        return self._recorder.last_ticket

    def answered(self, answer: AnswerQuestion) -> int:
        """Carry out an answer of the server; return the ticket of the newest entry.

        Raises NotFound, and changes nothing, if no read waits for it.
        """
        waiting = self._questions.take(answer.question)
        config = self._config
        if config is None:
            raise RuntimeError("a question was asked without settings")
        if answer.event is None:
            self._questions.report(config, answer.why or NOT_ANSWERED)
            self._settle(waiting, config)
            self._settle_unless_online(config)
        else:
            self._conclude(waiting, answer, AccessEvent(answer.event), config)
        return self._recorder.last_ticket

    def _without_server(
        self, identified: Identified, opening: PortalOpening, config: EffectiveConfig
    ) -> Outcomes:
        """Decide here, or refuse where that is not allowed. Raises StorageError."""
        operation = self._questions.operation(config)
        if operation is Operation.DENIAL:
            why = self._questions.why_away(config)
            known = of_server(why=why)
            return self._refuse(Reason.SERVER_AWAY, known, identified, opening, config)
        contingency = operation is Operation.CONTINGENCY
        return self._context.decide(identified, opening, config, contingency=contingency)

    def _refuse(
        self,
        reason: Reason,
        known: Mapping[str, Any],
        identified: Identified,
        opening: PortalOpening,
        config: EffectiveConfig,
    ) -> Outcomes:
        """Refuse an attempt on which only a server may decide."""
        attempt = identified.attempt
        seen = self._context.seen(attempt, opening, config)
        pro = config.online is not None and config.online.mode is OnlineMode.PRO
        step = refuse_unasked(
            config.snapshot.policy,
            config.admission,
            self._context.pending.admission,
            attempt,
            seen,
            Unasked(reason, known, identifies=pro),
        )
        return self._take(step, identified)

    def _take(self, step: AdmissionStep, identified: Identified) -> Outcomes:
        """Take over a step that ended without the server."""
        attempt, now_ms = identified.attempt, self._context.now_ms()
        first = self._context.pending.admission.pending.get(attempt.reader)
        second = first is not None and first.due_ms > now_ms and attempt.factor in first.wanted
        *early, (answer, shown_first) = self._context.take(step)
        kept = shown_first if second else _loggable(identified.shown, attempt, answer)
        return (*early, (answer, kept))

    def _settle_unless_online(self, config: EffectiveConfig) -> None:
        """Decide all that waits, oldest first, unless the server can be asked."""
        if self._questions.operation(config) is not Operation.ONLINE:
            for waiting in self._questions.take_all():
                self._settle(waiting, config)

    def _settle(self, waiting: WaitingRead, config: EffectiveConfig) -> None:
        """Decide on a read without the server."""
        attempt, shown = waiting.attempt, waiting.shown
        opening = self._context.opening(attempt, config)

        def decide() -> Outcomes:
            # The person as stored now counts, as after any wait.
            person = attempt.person and self._identifier.owner((shown,), config, attempt.portal_id)
            if waiting.first is not None:
                self._context.pending.await_again(
                    attempt.reader, waiting.first, waiting.first_shown, self._context.now_ms()
                )
            identified = Identified(replace(attempt, person=person), shown)
            return self._without_server(identified, opening, config)

        self._carry_out(waiting, decide, opening, config)

    def _conclude(
        self,
        waiting: WaitingRead,
        answer: AnswerQuestion,
        event: AccessEvent,
        config: EffectiveConfig,
    ) -> None:
        """Carry out what the server decided."""
        attempt, pending = waiting.attempt, self._context.pending
        if answer.duress and attempt.duress is None:
            attempt = replace(attempt, duress=_DURESS.get(attempt.factor, Duress.CARD))
        opening = self._context.opening(attempt, config)

        def decide() -> Outcomes:
            verdict = ServerVerdict(
                event,
                self._person(attempt, answer.user_id or 0, config),
                Factor(answer.next_factor) if answer.next_factor else None,
                portal_actions=answer.openings is None,
                logged_portal_id=answer.portal_id or 0,
                facts=of_server(answer.message, answer.user_name, answer.why),
            )
            seen = self._context.seen(replace(attempt, person=verdict.person), opening, config)
            step = after_answer(
                config.snapshot.policy,
                config.admission,
                pending.admission,
                attempt,
                seen,
                verdict,
            )
            *early, (outcome, _) = self._context.take(step)
            if outcome.decision.reason is Reason.SERVER_FACTOR_DUE:
                pending.show_first(attempt.reader, waiting.shown)
            kept = _loggable(waiting.shown, waiting.attempt, outcome)
            if waiting.first is not None:
                kept = waiting.first_shown.credential if waiting.first_shown else None
            return (*early, (outcome, kept))

        named = opening
        if answer.openings is not None:
            named = self._opener.named(answer.openings, frozenset(answer.turnstile), config)
        self._carry_out(waiting, decide, named, config)

    def _person(self, attempt: Attempt, user_id: int, config: EffectiveConfig) -> Person:
        """Whom an answer is about. Raises StorageError.

        The person that this device identified, unless the server names another or identifies
        people itself; one with an id alone if nobody here has it.
        """
        known = attempt.person
        if known is not None and known.id == user_id:
            return known
        if user_id:
            return self._people.find_by_id(user_id).person or Person(user_id)
        pro = config.online is not None and config.online.mode is OnlineMode.PRO
        return known if pro and known is not None else NOBODY

    def _carry_out(
        self,
        waiting: WaitingRead,
        decide: Callable[[], Outcomes],
        opening: PortalOpening,
        config: EffectiveConfig,
    ) -> None:
        """Carry out what `decide` returns for a read that has waited."""
        attempt, reader = waiting.attempt, waiting.read.reader

        def refuse_failed(why: str) -> Outcomes:
            failed = failure(reader, attempt.portal_id, why)
            return ((replace(failed, person=attempt.person, duress=attempt.duress), None),)

        outcomes = self._context.guarded(decide, refuse_failed, reader)
        for outcome, credential in outcomes:
            self._outcomes.carry_out(outcome, credential, opening, config)
        answer, _ = outcomes[-1]
        if answer.decision.reason in _UNIDENTIFIED:
            self._emit(NotIdentified(waiting.read), self._context.now_ms())


def _loggable(shown: Shown, attempt: Attempt, outcome: AdmissionOutcome) -> Credential | None:
    """The credential that the log may keep: a PIN only of the person whom the row names."""
    credential = shown.credential
    if credential is None or credential.kind is not CredentialKind.PIN:
        return credential
    owner = attempt.person
    return credential if owner and owner.id == outcome.decision.user_id else None
