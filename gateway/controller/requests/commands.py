"""Opens doors for clients, and answers requests once their effect is true."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from gateway.access.log_events import AccessEvent
from gateway.clock import Clock, monotonic_ms
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.doors.interlock import Interlock
from gateway.controller.doors.turnstile_panel import TurnstilePanel
from gateway.controller.state.ports import Link, Mirrored, Policies, Writer
from gateway.controller.state.recorder import Recorder
from gateway.doors.values import Mode, door_event
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    GatewayError,
    NotFound,
    NotPermitted,
)
from gateway.link.messages import (
    CLOSE_MS,
    Answer,
    Authorize,
    OpenDoor,
    Opening,
    ReleaseTurnstile,
    Request,
)
from gateway.settings import Side

LONGEST_WAIT_NS = 60_000_000_000
"""A reply waits no longer, whatever the client says."""
MOST_WAITING = 256
"""Replies that may wait at once."""
WEB_REASON = 3
"""The client says that a person at a web page asked for it."""


@dataclass(frozen=True, slots=True)
class _PendingReply:
    """An answer that is due once a ticket is committed or a version is in force."""

    address: bytes
    request_id: str
    expires_ns: int
    ticket: int = 0
    version: int = 0
    question: int = 0
    """Of the mirror, 0 once it was answered: only then is it known which version it takes."""


class DoorCommands:
    """Opens doors for clients."""

    def __init__(
        self,
        doors: dict[int, DoorPanel],
        turnstile: TurnstilePanel | None,
        interlock: Interlock,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._doors = doors
        self._interlock = interlock
        self._turnstile = turnstile
        self._recorder = recorder
        self._clock = clock

    def open(self, *openings: OpenDoor | ReleaseTurnstile) -> int:
        """Carry out all of `openings` in order, or none; return the ticket of the last entry.

        Raises before anything moves: NotFound for a door or turnstile that the site does not have,
        DeviceUnavailable for a door whose module is offline, NotPermitted in a lock-down, while the
        turnstile blocks that side and while the interlock keeps one of the doors locked.
        """
        for opening in openings:
            if isinstance(opening, ReleaseTurnstile):
                self._passable(frozenset(opening.sides))
        self._check([opening for opening in openings if isinstance(opening, OpenDoor)])
        for opening in openings:
            event = _opening_event(opening.reason)
            if isinstance(opening, ReleaseTurnstile):
                sides = frozenset(opening.sides)
                turnstile = self._present()
                turnstile.release(sides, self._now_ms())
                turnstile.opened_by_client(event, opening.by, sides)
                continue
            panel = self._panel(opening.door)
            panel.feed(door_event(opening.timeout_ms), self._now_ms())
            if opening.timeout_ms != CLOSE_MS:  # closing is no access
                panel.opened_by_client(event, opening.by)
        # A schedule that a close ended must stay ended after a restart, so that entry counts too.
        return self._recorder.last_ticket

    def reset_turnstile(self) -> None:
        """Reset its event state. Raises NotFound if the site has none."""
        self._present().reset(self._now_ms())

    def authorize(self, command: Authorize) -> int:
        """Carry out the decision of a server; return the ticket of its entry. Raises as `open`."""
        event = AccessEvent(command.event)
        if event is AccessEvent.GRANTED:
            sides = frozenset(command.turnstile)
            turnstile = self._passable(sides) if sides else None
            self._check(command.openings)
            if turnstile:
                turnstile.release(sides, self._now_ms())
            for opening in command.openings:
                self._panel(opening.door).feed(door_event(opening.timeout_ms), self._now_ms())
        granted = command.openings if event is AccessEvent.GRANTED else ()
        return self._recorder.authorized(
            event,
            command.user_id,
            command.portal_id,
            command.log_type_id,
            [opening.door for opening in granted if opening.timeout_ms != CLOSE_MS],
            command.by,
        ).ticket

    def _check(self, openings: Sequence[OpenDoor | Opening]) -> None:
        """Raise unless all doors of `openings` may be opened together now."""
        for opening in openings:
            panel = self._panel(opening.door)
            if opening.timeout_ms == CLOSE_MS:
                continue  # a close is never refused
            if panel.mode is Mode.LOCK_DOWN:
                raise NotPermitted(f"door {panel.door.id} is refused: {panel.mode.value}")
            if panel.away:
                # It must not open later, once the module is back.
                raise DeviceUnavailable(f"door {panel.door.id} cannot be reached: {panel.away}")
        closed_first = takewhile(lambda opening: opening.timeout_ms == CLOSE_MS, openings)
        self._interlock.check(
            {opening.door for opening in openings if opening.timeout_ms != CLOSE_MS},
            closed={opening.door for opening in closed_first},
        )

    def _panel(self, door: int) -> DoorPanel:
        panel = self._doors.get(door)
        if panel is None:
            known = ", ".join(str(number) for number in sorted(self._doors)) or "none"
            raise NotFound(f"there is no door {door}; this site has: {known}")
        return panel

    def _present(self) -> TurnstilePanel:
        if self._turnstile is None:
            raise NotFound("this site has no turnstile")
        return self._turnstile

    def _passable(self, sides: frozenset[Side]) -> TurnstilePanel:
        turnstile = self._present()
        refused = turnstile.refusal(sides)
        if refused:
            raise NotPermitted(f"the turnstile is refused: {refused.value}")
        return turnstile

    def _now_ms(self) -> int:
        return monotonic_ms(self._clock)


def _opening_event(reason: int | None) -> AccessEvent:
    if reason == WEB_REASON:
        return AccessEvent.WEB_INTERFACE
    return AccessEvent.OPENED_UNIDENTIFIED


class PendingReplies:
    """Sends answers once their condition holds: an entry is committed, or rules are in force."""

    def __init__(self, link: Link, writer: Writer, policies: Policies, clock: Clock) -> None:
        self._link = link
        self._writer = writer
        self._policies = policies
        self._clock = clock
        self._committed = 0
        self._waiting: deque[_PendingReply] = deque()

    @property
    def waiting(self) -> int:
        """Replies that wait."""
        return len(self._waiting)

    def now(self, address: bytes, request: Request, body: dict[str, Any] | None = None) -> None:
        """Answer at once."""
        self._link.answer(address, Answer(id=request.id, body=body or {}))

    def refuse(self, address: bytes, request: Request, error: GatewayError) -> None:
        """Answer with an error."""
        self._link.refuse(address, request.id, error)

    def when_committed(self, address: bytes, request: Request, ticket: int) -> None:
        """Answer once the entry with `ticket` is durable; at once while the journal is faulty."""
        if ticket <= self._committed or self._writer.fault:
            self.now(address, request)
        else:
            self._wait(address, request, ticket=ticket)

    def when_obeyed(self, address: bytes, request: Request, version: int, question: int) -> None:
        """Answer once the mirror has answered `question`, where that is not 0, and the rules of
        `version`, or those of its answer, decide."""
        self._wait(address, request, version=version, question=question)
        self.settle()

    def mirrored(self, answer: Mirrored) -> None:
        """The mirror has what was committed before its questions up to this one."""
        self._waiting = deque(
            replace(waiting, version=answer.version, question=0)
            if 0 < waiting.question <= answer.n
            else waiting
            for waiting in self._waiting
        )
        self.settle()

    def _wait(
        self,
        address: bytes,
        request: Request,
        ticket: int = 0,
        version: int = 0,
        question: int = 0,
    ) -> None:
        """Keep a reply. With too many, the oldest one's client runs into its own time limit."""
        expires_ns = min(request.expires_ns, self._clock.monotonic_ns() + LONGEST_WAIT_NS)
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
        self._waiting.append(
            _PendingReply(address, request.id, expires_ns, ticket, version, question)
        )

    def committed(self, ticket: int) -> None:
        """All entries up to `ticket` are durable."""
        self._committed = ticket
        self.settle()

    def settle(self) -> None:
        """Send every answer whose condition holds; drop those whose client has given up."""
        now_ns = self._clock.monotonic_ns()
        still: deque[_PendingReply] = deque()
        for waiting in self._waiting:
            done = waiting.ticket <= self._committed or self._writer.fault
            obeyed = not waiting.question and waiting.version <= self._policies.version
            if done and obeyed:
                self._link.answer(waiting.address, Answer(id=waiting.request_id))
            elif now_ns < waiting.expires_ns:
                still.append(waiting)
        self._waiting = still

    def expired(self, request: Request) -> GatewayError | None:
        """The refusal of a request whose client has given up; None for others."""
        if self._clock.monotonic_ns() < request.expires_ns:
            return None
        return ControllerUnavailable("the command came too late and was not carried out")
