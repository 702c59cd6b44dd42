"""Runs enrolments, one at a time, and reports their results to subscribers.

Nothing is stored: a captured value may be a PIN.
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
"""Longest wait for a cancelled enrolment, which checks once a second and may be saving."""

_UNFORESEEN = "Internal error"

log = structlog.get_logger("commands")


class EnrolmentKind(StrEnum):
    """The kind of credential that is enrolled."""

    CARD = "card"
    QRCODE = "qrcode"
    PIN = "pin"
    PASSWORD = "password"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The result of an enrolment."""

    kind: EnrolmentKind
    """CARD for a QR code that the device reads as a number."""
    user_id: int
    """The id of the person, 0 for nobody."""
    value: int | str | None = field(repr=False)
    """The captured value: the number of a card, otherwise text; None after a failure."""
    saved: bool
    """Whether the person now has the credential."""
    error: str | None = None
    """The reason of a failure, None for a success."""


class Running:
    """A running enrolment."""

    def __init__(self, kind: EnrolmentKind, user_id: int, ticket: str) -> None:
        self.kind = kind
        self.user_id = user_id
        self.ticket = ticket
        """Identifies the capture to the controller."""
        self.cancelled = False
        self.ended = threading.Event()


@dataclass(frozen=True, slots=True)
class EnrolmentState:
    """The running enrolment, and the result of the last one."""

    running: EnrolmentKind | None = None
    succeeded: bool = False
    """Whether there was an enrolment and the last one succeeded."""
    error: str | None = None
    """The reason why the last one failed."""


Work = Callable[[Running], Enrolled]
"""Captures and saves. After a GatewayError nothing was saved."""


class EnrolmentRunner:
    """Runs at most one enrolment at a time. Thread-safe."""

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

    def subscribe(self, listener: Callable[[Enrolled], None]) -> Callable[[], None]:
        """Call `listener` with the result of every enrolment of `run_later`, failures included.

        The call is made on the thread of the enrolment and must not block. Results without a
        subscriber are dropped, since a PIN must not stay in memory. Returns a function that ends
        the subscription.
        """
        with self._guard:
            self._listeners.append(listener)

        def end() -> None:
            with self._guard, suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def run(self, running: Running, work: Work) -> Enrolled:
        """Run `work` and wait for its result. Raises InvalidRequest while another enrolment runs,
        and the errors of `work`."""
        self._begin(running)
        return self._work(running, work)

    def run_later(self, running: Running, work: Work) -> None:
        """Run `work` on a thread and report the result to the subscribers.

        Raises InvalidRequest while another enrolment runs.
        """
        self._begin(running)
        threading.Thread(
            target=self._later, args=(running, work), name="enrolment", daemon=True
        ).start()

    def cancel(self, notify: Callable[[str], object]) -> None:
        """End the running enrolment, if any, and wait for it; `notify` cancels the capture."""
        with self._guard:
            running = self._running
        if running is None:
            return
        running.cancelled = True
        # Without a controller the enrolment ends by itself.
        with suppress(GatewayError):
            notify(running.ticket)
        running.ended.wait(ENDS_WITHIN_S)

    def close(self, notify: Callable[[str], object]) -> None:
        """As `cancel`, and refuse further enrolments."""
        with self._guard:
            self._closed = True
        self.cancel(notify)

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
        except Exception:  # nobody else handles the errors of this thread
            log.exception("enrolment failed")
        if ended is None:
            ended = Enrolled(running.kind, running.user_id, None, saved=False, error=error)
        with self._guard:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(ended)
            except Exception:  # the other listeners still get the result
                log.exception("cannot report an enrolment to a listener")
