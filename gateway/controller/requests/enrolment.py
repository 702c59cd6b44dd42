"""Enrolment at a reader: the next read goes to the client that requested it and opens nothing.

At most one capture is active, for one kind of credential at one reader. It ends with a read, a
cancellation, its time-out, or a client that stops asking: a reader must not lose reads to an api
process that died. The read goes to the client alone, into no log and no journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from gateway.clock import Clock
from gateway.controller.requests.commands import PendingReplies
from gateway.controller.state.component import Component
from gateway.controller.state.flight import Asked
from gateway.credentials.identifier import reads
from gateway.credentials.values import CredentialKind, Identification
from gateway.errors import (
    DeviceUnavailable,
    GatewayError,
    InvalidRequest,
    NotFound,
    NotSupportedHere,
    error_named,
)
from gateway.link.messages import CancelCapture, Capture, Captured, Request
from gateway.settings import Reader

ASK_AGAIN_NS = 1_000_000_000
"""A request without a read is answered after this time."""
LEASE_NS = 3_000_000_000
"""A client that does not ask again within this time is gone."""

_MS = 1_000_000

log = structlog.get_logger("enrolment")


@dataclass(slots=True)
class _Capture:
    """The active capture, or one that has ended and whose client has no answer yet."""

    ticket: str
    kind: CredentialKind
    reader: str
    since_ns: int
    left_ms: int
    lease_ns: int
    """When the client counts as gone."""
    told_ns: int
    """When a waiting request is answered without a read."""
    asker: tuple[bytes, Request] | None
    """The request that waits for an answer; None between two requests."""
    outcome: Captured | GatewayError | None = None

    @property
    def ends_ns(self) -> int:
        return self.since_ns + self.left_ms * _MS

    def takes(self, at_ns: int) -> bool:
        """Whether a read at `at_ns` belongs to the capture."""
        within = self.since_ns <= at_ns < min(self.ends_ns, self.lease_ns)
        return self.outcome is None and within


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a capture ended without a read."""

    error: str
    """Name of an error class of `gateway.errors`."""
    why: str


@dataclass(frozen=True, slots=True)
class CaptureState:
    """As `_Capture`."""

    ticket: str
    kind: CredentialKind
    reader: str
    since_ns: int
    left_ms: int
    lease_ns: int
    told_ns: int
    asker: Asked | None
    captured: Captured | None
    refused: Refused | None


@dataclass(frozen=True, slots=True)
class EnrolmentCaptureState:
    """The capture, if there is one."""

    capture: CaptureState | None


class EnrolmentCapture(Component):
    """Keeps the capture. The loop's thread alone uses it."""

    def __init__(
        self,
        readers: Iterable[Reader],
        online: Callable[[str], bool],
        answers: PendingReplies,
        clock: Clock,
    ) -> None:
        """`online` returns whether the named reader is online."""
        self._readers = sorted(readers, key=lambda reader: reader.index)
        self._online = online
        self._answers = answers
        self._clock = clock
        self._capture: _Capture | None = None

    def state(self) -> EnrolmentCaptureState:
        now = self._capture
        if now is None:
            return EnrolmentCaptureState(None)
        failed = now.outcome if isinstance(now.outcome, GatewayError) else None
        return EnrolmentCaptureState(
            CaptureState(
                now.ticket,
                now.kind,
                now.reader,
                now.since_ns,
                now.left_ms,
                now.lease_ns,
                now.told_ns,
                Asked(*now.asker) if now.asker else None,
                now.outcome if isinstance(now.outcome, Captured) else None,
                Refused(type(failed).__name__, str(failed)) if failed else None,
            )
        )

    def restore(self, state: EnrolmentCaptureState) -> None:
        kept = state.capture
        if kept is None:
            self._capture = None
            return
        why = kept.refused
        failed = error_named(why.error, why.why) if why else None
        self._capture = _Capture(
            kept.ticket,
            kept.kind,
            kept.reader,
            kept.since_ns,
            kept.left_ms,
            kept.lease_ns,
            kept.told_ns,
            (kept.asker.address, kept.asker.request) if kept.asker else None,
            kept.captured or failed,
        )

    @property
    def waits_at(self) -> str | None:
        """The reader that waits for a credential; None without one."""
        capture = self._capture
        return capture.reader if capture is not None and capture.outcome is None else None

    def ask(self, address: bytes, request: Request, command: Capture) -> None:
        """Begin the capture of `command` or continue it; the answer follows later.

        Raises InvalidRequest while another capture is active and for a reader that cannot read the
        kind, NotFound for an unknown reader, NotSupportedHere if no reader reads the kind, and
        DeviceUnavailable while the reader is offline.
        """
        self.settle()
        now_ns = self._clock.monotonic_ns()
        capture = self._capture
        if capture is None:
            capture = self._begun(command, now_ns)
            self._capture = capture
            log.info("enrolment begins", reader=capture.reader, credential=capture.kind.value)
        elif capture.ticket != command.ticket:
            raise InvalidRequest(f"another enrolment is running at reader {capture.reader!r}")
        capture.asker = (address, request)
        capture.told_ns = now_ns + ASK_AGAIN_NS
        capture.lease_ns = now_ns + LEASE_NS
        if capture.outcome is not None:
            self._capture = None
            self._answer(capture, capture.outcome)

    def cancel(self, command: CancelCapture) -> None:
        """End the capture of that ticket, if it is active."""
        capture = self._capture
        if capture is not None and capture.ticket == command.ticket and capture.outcome is None:
            self._end(capture, InvalidRequest("the enrolment was cancelled"))

    def takes(self, identification: Identification) -> bool:
        """Take the read if it belongs to the capture; return whether it does."""
        capture = self._capture
        credential = identification.credential
        if (
            capture is None
            or identification.reader != capture.reader
            or credential.kind is not capture.kind
            or not capture.takes(identification.at_ns)
        ):
            return False
        self._end(capture, Captured(reader=capture.reader, value=credential.value))
        return True

    def settle(self) -> None:
        """End a capture whose time is over, and answer a request that has waited long enough."""
        capture = self._capture
        if capture is None:
            return
        now_ns = self._clock.monotonic_ns()
        if now_ns >= capture.lease_ns:
            log.info("enrolment ends: its client is gone", reader=capture.reader)
            self._capture = None
        elif capture.outcome is None and now_ns >= capture.ends_ns:
            seconds = capture.left_ms / 1000
            self._end(
                capture,
                InvalidRequest(f"nobody acted at reader {capture.reader!r} within {seconds:g} s"),
            )
        elif capture.asker is not None and now_ns >= capture.told_ns:
            self._answer(capture, Captured(reader=capture.reader))

    def tick(self, now_ms: int) -> None:
        del now_ms
        self.settle()

    def due_ms(self) -> int | None:
        capture = self._capture
        if capture is None:
            return None
        due_ns = capture.lease_ns
        if capture.outcome is None:
            due_ns = min(due_ns, capture.ends_ns)
        if capture.asker is not None:
            due_ns = min(due_ns, capture.told_ns)
        return -(-due_ns // _MS)

    def _begun(self, command: Capture, now_ns: int) -> _Capture:
        return _Capture(
            ticket=command.ticket,
            kind=command.credential,
            reader=self._reader(command.credential, command.reader),
            since_ns=now_ns,
            left_ms=command.left_ms,
            lease_ns=now_ns + LEASE_NS,
            told_ns=now_ns + ASK_AGAIN_NS,
            asker=None,
        )

    def _reader(self, kind: CredentialKind, name: str | None) -> str:
        able = [reader.name for reader in self._readers if kind in reads(reader)]
        if name is None and not able:
            raise NotSupportedHere(f"this site has no reader for {kind.value}")
        chosen = able[0] if name is None else name
        if chosen not in able:
            known = [reader.name for reader in self._readers]
            if chosen in known:
                raise InvalidRequest(f"reader {chosen!r} cannot read {kind.value}")
            there = ", ".join(known) or "none"
            raise NotFound(f"there is no reader {chosen!r}; this site has: {there}")
        if not self._online(chosen):
            raise DeviceUnavailable(f"reader {chosen!r} is offline: nobody could act at it")
        return chosen

    def _end(self, capture: _Capture, outcome: Captured | GatewayError) -> None:
        """End the capture; its client gets the outcome now, or when it asks again."""
        capture.outcome = outcome
        log.info("enrolment ends", reader=capture.reader, taken=isinstance(outcome, Captured))
        if capture.asker is not None:
            self._capture = None
            self._answer(capture, outcome)

    def _answer(self, capture: _Capture, what: Captured | GatewayError) -> None:
        if capture.asker is None:
            return
        address, request = capture.asker
        capture.asker = None
        if isinstance(what, Captured):
            self._answers.now(address, request, what.model_dump(mode="json"))
        else:
            self._answers.refuse(address, request, what)
