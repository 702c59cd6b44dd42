"""The one enrolment that may run, how the last one ended, and who is told of finished ones.

Everything here lives in memory only and nothing is kept but the state: what was captured may be a
PIN.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum

import structlog

from gateway.errors import ControllerUnavailable, GatewayError, InvalidRequest

ENDS_WITHIN_S = 5.0
"""An enrolment that was cancelled has ended by then: it looks once a second, and may be saving."""

_UNFORESEEN = "Internal error"

log = structlog.get_logger("commands")


class EnrolmentKind(StrEnum):
    """What is enrolled."""

    CARD = "card"
    QRCODE = "qrcode"
    PIN = "pin"
    PASSWORD = "password"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How an enrolment ended."""

    kind: EnrolmentKind
    """A QR code that the device reads as a number is a card."""
    user_id: int
    """Whom it was for, 0 for nobody."""
    value: int | str | None = field(repr=False)
    """What was captured: a card's number, else text; None when it failed."""
    saved: bool
    """Whether it became the person's."""
    error: str | None = None
    """Why it failed, None when it did not."""


class Running:
    """An enrolment at work."""

    def __init__(self, kind: EnrolmentKind, user_id: int, ticket: str) -> None:
        self.kind = kind
        self.user_id = user_id
        self.ticket = ticket
        """Names it to the controller."""
        self.cancelled = False
        self.ended = threading.Event()


@dataclass(frozen=True, slots=True)
class EnrolmentState:
    """What the desk does, and how the last enrolment ended."""

    running: EnrolmentKind | None = None
    succeeded: bool = False
    """The last one did, and there was one."""
    error: str | None = None
    """Why the last one failed."""


Work = Callable[[Running], Enrolled]
"""Captures and saves. Raises GatewayError when it failed; nothing is saved then."""


class EnrolmentDesk:
    """Any thread may use it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: Running | None = None
        self._last = EnrolmentState()
        self._listeners: list[Callable[[Enrolled], None]] = []
        self._closed = False

    @property
    def state(self) -> EnrolmentState:
        """The present state."""
        with self._guard:
            kind = None if self._running is None else self._running.kind
            return replace(self._last, running=kind)

    def subscribe(self, told: Callable[[Enrolled], None]) -> Callable[[], None]:
        """Let `told` have every enrolment that nobody waited for, as it ends; failed ones too.

        It is called on a thread of the desk's and should only hand over. Enrolments that end
        while nobody subscribes are dropped, since a PIN must not lie about. What is returned ends
        the subscription.
        """
        with self._guard:
            self._listeners.append(told)

        def end() -> None:
            with self._guard, suppress(ValueError):
                self._listeners.remove(told)

        return end

    def run(self, running: Running, work: Work) -> Enrolled:
        """Do the work here and now. Raises InvalidRequest while another enrolment runs, and what
        `work` raises."""
        self._begin(running)
        return self._work(running, work)

    def run_later(self, running: Running, work: Work) -> None:
        """Do the work on a thread; subscribers are told how it ended.

        Raises InvalidRequest while another enrolment runs.
        """
        self._begin(running)
        threading.Thread(
            target=self._later, args=(running, work), name="enrolment", daemon=True
        ).start()

    def cancel(self, tell: Callable[[str], object]) -> None:
        """End what runs, if anything does, and wait for its end; `tell` tells the controller."""
        with self._guard:
            running = self._running
        if running is None:
            return
        running.cancelled = True
        # Without a controller it has ended, or does when it looks.
        with suppress(GatewayError):
            tell(running.ticket)
        running.ended.wait(ENDS_WITHIN_S)

    def close(self, tell: Callable[[str], object]) -> None:
        """As `cancel`, and none begins any more."""
        with self._guard:
            self._closed = True
        self.cancel(tell)

    def _begin(self, running: Running) -> None:
        with self._guard:
            if self._closed:
                raise ControllerUnavailable("this device is being stopped")
            if self._running is not None:
                raise InvalidRequest(
                    f"another enrolment is running: {self._running.kind}; "
                    f"cancel_remote_enroll ends it"
                )
            self._running = running

    def _work(self, running: Running, work: Work) -> Enrolled:
        error: str | None = _UNFORESEEN
        try:
            ended = work(running)
            error = None
        except GatewayError as refusal:
            error = str(refusal)
            raise
        finally:
            with self._guard:
                self._last = EnrolmentState(succeeded=error is None, error=error)
                self._running = None
            running.ended.set()
        return ended

    def _later(self, running: Running, work: Work) -> None:
        error = _UNFORESEEN
        ended = None
        try:
            ended = self._work(running, work)
        except GatewayError as refusal:
            error = str(refusal)
        except Exception:  # whatever it is - nobody waits for this thread to fail
            log.exception("enrolment failed")
        if ended is None:
            ended = Enrolled(running.kind, running.user_id, None, saved=False, error=error)
        with self._guard:
            listeners = tuple(self._listeners)
        for told in listeners:
            try:
                told(ended)
            except Exception:  # a listener's fault is not the others'
                log.exception("a listener did not take an enrolment")
