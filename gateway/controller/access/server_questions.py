"""Questions to the server of an online mode, and who decides while it cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.access.admission_values import PendingFactor, Undecided
from gateway.access.attempt import Attempt
from gateway.access.facts import cut
from gateway.access.online import (
    OnlineMode,
    Operation,
    ServerReach,
    operation_of,
    report,
)
from gateway.clock import Clock, unix_s
from gateway.controller.access.identifier import Identified, Shown, looked_up
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.pending import PendingAnswers
from gateway.controller.state.recorder import Recorder
from gateway.credentials.values import CredentialKind, Identification
from gateway.link.messages import OnlineCredential, OnlineStatus, ServerQuestion
from gateway.store.journal import EntryKind

MOST_WAITING = 64
"""Questions that wait at once."""
MOST_AT_READER = 4
"""Of these, at one reader."""

BUSY = "too many identifications wait for the server at once"
TOO_OLD = "the read had waited for as long as a person waits before the server could be asked"
NOT_HEARD = "the api process, which asks the server, does not listen"
NOT_ANSWERED = "it did not answer in time"
UNNAMED = "online_client.server_id names no server"

_MS = 1_000_000
_S = 1_000_000_000
_KINDS: Mapping[CredentialKind, OnlineCredential] = {
    CredentialKind.CARD: "card",
    CredentialKind.QRCODE: "qrcode",
    CredentialKind.UHF_TAG: "uhf_tag",
    CredentialKind.PIN: "pin",
}


@dataclass(frozen=True, slots=True)
class WaitingRead:
    """A read on which the server decides."""

    read: Identification
    attempt: Attempt
    shown: Shown
    first: PendingFactor | None
    """The first factor, if this is a second one."""
    first_shown: Shown | None
    """What was shown as the first factor."""
    deadline_ns: int


@dataclass(frozen=True, slots=True)
class ServerQuestionsState:
    """The reads that wait, by the id of their question, and what is known of the server."""

    waiting: Mapping[str, WaitingRead]
    reach: ServerReach
    journalled: Operation
    """Who decides, as journalled last; STANDALONE before the first entry."""


class ServerQuestions(PendingAnswers[WaitingRead]):
    """Asks the server, through the api process. The loop's thread alone uses it.

    Nothing waits while the server cannot be asked: whoever finds it so settles what waits.
    """

    def __init__(
        self,
        ask: Callable[[ServerQuestion], bool],
        new_key: Callable[[], str],
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        """`ask` passes a question on and returns whether anybody listens; `new_key` makes ids."""
        super().__init__("identification", new_key, clock)
        self._ask = ask
        self._recorder = recorder
        self._reach = ServerReach()
        self._journalled = Operation.STANDALONE

    def state(self) -> ServerQuestionsState:
        return ServerQuestionsState(dict(self._waiting), self._reach, self._journalled)

    def restore(self, state: ServerQuestionsState) -> None:
        self._waiting = dict(state.waiting)
        self._reach, self._journalled = state.reach, state.journalled

    def bind(self, config: EffectiveConfig) -> None:
        """Journal who decides by new settings. Standalone mode forgets what it knew of a server."""
        if config.online is None and self._journalled is not Operation.STANDALONE:
            self._reach = ServerReach()
        self._journal(config)

    def operation(self, config: EffectiveConfig) -> Operation:
        """Who decides now."""
        return operation_of(config.online, self._reach)

    def why_away(self, config: EffectiveConfig) -> str:
        """Why the server cannot be asked, in words; empty while it can."""
        unnamed = config.online is not None and not config.online.named
        return UNNAMED if unnamed else self._reach.why

    def report(self, config: EffectiveConfig | None, why: str | None) -> None:
        """Take over that the server can be asked (None), or why it cannot."""
        now_utc_s = unix_s(self._clock.utc())
        self._reach = report(self._reach, now_utc_s, reachable=why is None, why=why or "")
        if config is not None:
            self._journal(config)

    def hindrance(self, read: Identification, config: EffectiveConfig) -> str:
        """Why the server is not asked about `read` although it can be; empty if it is."""
        at_reader = sum(other.read.reader == read.reader for other in self._waiting.values())
        if at_reader >= MOST_AT_READER or len(self._waiting) >= MOST_WAITING:
            return BUSY
        late = _deadline_ns(read, config) <= self._clock.monotonic_ns()
        return TOO_OLD if late else ""

    def ask(
        self,
        read: Identification,
        identified: Identified,
        undecided: Undecided,
        first_shown: Shown | None,
        identifier_id: int,
        config: EffectiveConfig,
    ) -> bool:
        """Ask about `read`, which then waits; False, and the server is away, if nobody listens."""
        identified = replace(identified, attempt=undecided.attempt)
        waiting = WaitingRead(
            read,
            undecided.attempt,
            identified.shown,
            undecided.first,
            first_shown,
            _deadline_ns(read, config),
        )

        def passed_on(key: str) -> bool:
            return self._ask(self._question(key, waiting, identified, identifier_id, config))

        heard = self._put(waiting, passed_on)
        if not heard:
            self.report(config, NOT_HEARD)
        return heard

    def overdue(self, now_ms: int) -> bool:
        """Whether a question's time is over."""
        due_ms = self.due_ms()
        return due_ms is not None and due_ms <= now_ms

    def status(self, config: EffectiveConfig) -> OnlineStatus | None:
        """None in standalone mode."""
        if config.online is None:
            return None
        operation = self.operation(config)
        reachable = operation is Operation.ONLINE
        return OnlineStatus(
            mode=config.online.mode.value,
            reachable=reachable,
            contingency=operation is Operation.CONTINGENCY,
            why="" if reachable else self.why_away(config),
            since_utc=self._reach.since_utc_s,
            waiting=len(self._waiting),
        )

    def _question(
        self,
        key: str,
        waiting: WaitingRead,
        identified: Identified,
        identifier_id: int,
        config: EffectiveConfig,
    ) -> ServerQuestion:
        read, attempt, shown = waiting.read, waiting.attempt, identified.shown.credential
        pro = config.online is not None and config.online.mode is OnlineMode.PRO
        if shown is not None and not pro:
            shown = looked_up(read.credential, config.credentials)
        passed_s = (self._clock.monotonic_ns() - read.at_ns) // _S
        return ServerQuestion(
            id=key,
            deadline_ns=waiting.deadline_ns,
            identified=pro,
            credential=_KINDS[shown.kind] if shown else "password",
            value=str(shown.value if shown else read.credential.value),
            keyed_user_id=identified.keyed_user_id,
            user_id=attempt.person.id if pro and attempt.person else 0,
            duress=attempt.duress is not None,
            identifier_id=identifier_id,
            portal_id=attempt.portal_id,
            at_utc_s=unix_s(self._clock.utc()) - passed_s,
        )

    def _journal(self, config: EffectiveConfig) -> None:
        """Journal who decides, if that has changed; nothing before the server was heard of."""
        settings, operation = config.online, self.operation(config)
        unknown = settings is not None and settings.named and not self._reach.reported
        if unknown or operation is self._journalled:
            return
        self._journalled = operation
        away = operation in (Operation.CONTINGENCY, Operation.DENIAL)
        self._recorder.note(
            EntryKind.ONLINE,
            mode=operation.value,
            lost_utc_s=self._reach.lost_utc_s,
            **({"why": cut(self.why_away(config))} if away else {}),
        )


def _deadline_ns(read: Identification, config: EffectiveConfig) -> int:
    return read.at_ns + (config.online.wait_ms if config.online else 0) * _MS
