"""Enrolment at a reader: the next read goes to the client that requested it and opens nothing.

At most one capture is active, for one kind of credential at one reader. It ends with a read, a
cancellation, its time-out, or a client that stops asking: a reader must not lose reads to an api
process that died. The read goes to the client alone, into no log and no journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a capture ended without a read."""

    error: str
    """Name of an error class of `gateway.errors`."""
    why: str

    @classmethod
    def of(cls, error: GatewayError) -> Refused:
        return cls(type(error).__name__, str(error))


@dataclass(frozen=True, slots=True)
class CaptureState:
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
    asker: Asked | None
    """The request that waits for an answer; None between two requests."""
    captured: Captured | None
    refused: Refused | None

    @property
    def ended(self) -> bool:
        return self.captured is not None or self.refused is not None

    @property
    def ends_ns(self) -> int:
        return self.since_ns + self.left_ms * _MS

    def takes(self, identification: Identification) -> bool:
        """Whether a read belongs to the capture."""
        return (
            not self.ended
            and identification.reader == self.reader
            and identification.credential.kind is self.kind
            and self.since_ns <= identification.at_ns < min(self.ends_ns, self.lease_ns)
        )


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
        self._capture: CaptureState | None = None

    def state(self) -> EnrolmentCaptureState:
        return EnrolmentCaptureState(self._capture)

    def restore(self, state: EnrolmentCaptureState) -> None:
        self._capture = state.capture

    @property
    def waits_at(self) -> str | None:
        """The reader that waits for a credential; None without one."""
        capture = self._capture
        return None if capture is None or capture.ended else capture.reader

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
            log.info("enrolment begins", reader=capture.reader, credential=capture.kind.value)
        elif capture.ticket != command.ticket:
            raise InvalidRequest(f"another enrolment is running at reader {capture.reader!r}")
        self._go_on(
            replace(
                capture,
                asker=Asked(address, request),
                told_ns=now_ns + ASK_AGAIN_NS,
                lease_ns=now_ns + LEASE_NS,
            )
        )

    def cancel(self, command: CancelCapture) -> None:
        """End the capture of that ticket, if it is active."""
        capture = self._capture
        if capture is not None and capture.ticket == command.ticket and not capture.ended:
            self._refuse(capture, "the enrolment was cancelled")

    def takes(self, identification: Identification) -> bool:
        """Take the read if it belongs to the capture; return whether it does."""
        capture = self._capture
        if capture is None or not capture.takes(identification):
            return False
        log.info("enrolment ends", reader=capture.reader, taken=True)
        value = identification.credential.value
        self._go_on(replace(capture, captured=Captured(reader=capture.reader, value=value)))
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
        elif not capture.ended and now_ns >= capture.ends_ns:
            seconds = capture.left_ms / 1000
            self._refuse(capture, f"nobody acted at reader {capture.reader!r} within {seconds:g} s")
        elif capture.asker is not None and now_ns >= capture.told_ns:
            self._answer(capture.asker, Captured(reader=capture.reader))
            self._capture = replace(capture, asker=None)

    def tick(self, now_ms: int) -> None:
        del now_ms
        self.settle()

    def due_ms(self) -> int | None:
        capture = self._capture
        if capture is None:
            return None
        due_ns = capture.lease_ns
        if not capture.ended:
            due_ns = min(due_ns, capture.ends_ns)
        if capture.asker is not None:
            due_ns = min(due_ns, capture.told_ns)
        return -(-due_ns // _MS)

    def _begun(self, command: Capture, now_ns: int) -> CaptureState:
        return CaptureState(
            ticket=command.ticket,
            kind=command.credential,
            reader=self._reader(command.credential, command.reader),
            since_ns=now_ns,
            left_ms=command.left_ms,
            lease_ns=now_ns + LEASE_NS,
            told_ns=now_ns + ASK_AGAIN_NS,
            asker=None,
            captured=None,
            refused=None,
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

    def _refuse(self, capture: CaptureState, why: str) -> None:
        """End the capture without a read."""
        log.info("enrolment ends", reader=capture.reader, taken=False)
        self._go_on(replace(capture, refused=Refused.of(InvalidRequest(why))))

    def _go_on(self, capture: CaptureState) -> None:
        """Keep the capture, or answer the outcome of one that has ended: its client gets it now, or
        when it asks again."""
        outcome = capture.captured or capture.refused
        if outcome is None or capture.asker is None:
            self._capture = capture
            return
        self._capture = None
        self._answer(capture.asker, outcome)

    def _answer(self, asker: Asked, what: Captured | Refused) -> None:
        if isinstance(what, Captured):
            self._answers.now(asker.address, asker.request, what.model_dump(mode="json"))
        else:
            error = error_named(what.error, what.why)
            self._answers.refuse(asker.address, asker.request, error)
