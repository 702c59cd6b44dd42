"""What the api process and the CLI may ask of the controller."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from gateway.access.reasons import AccessEvent
from gateway.clock import Clock
from gateway.controller.door_panel import DoorPanel
from gateway.controller.interlock import InterlockDesk
from gateway.controller.ports import Link, Policies, Writer
from gateway.controller.recorder import Recorder
from gateway.controller.turnstile_panel import TurnstilePanel
from gateway.doors.values import Close, DoorEvent, HoldOpen, Mode, Refused, Unlock
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    GatewayError,
    NotFound,
    NotPermitted,
)
from gateway.link.messages import Answer, Authorize, OpenDoor, ReleaseTurnstile, Request
from gateway.settings import Side

_CLOSE = -1
"""The time-out that closes (Access API, actions)."""
WEB_REASON = 3
"""The client says that a person at a web page asked for it."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An answer that is due once a ticket is committed or a version decides."""

    address: bytes
    request_id: str
    expires_ns: int
    ticket: int = 0
    version: int = 0


class OpeningDesk:
    """Opens doors for clients."""

    def __init__(
        self,
        doors: dict[int, DoorPanel],
        turnstile: TurnstilePanel | None,
        interlock: InterlockDesk,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._doors = doors
        self._interlock = interlock
        self._turnstile = turnstile
        self._recorder = recorder
        self._clock = clock

    def open(self, command: OpenDoor) -> int:
        """Carry out `command`; the ticket of its record is returned, 0 for none.

        Raises NotFound for a door that this site lacks, DeviceUnavailable for one whose module is
        away, NotPermitted in a lock-down and while another door of its interlock is not free.
        """
        panel = self._panel(command.door)
        if command.timeout_ms != _CLOSE:
            _check_reachable(panel)
            self._interlock.check((panel.door.id,))
        self._feed(panel, command.timeout_ms)
        if command.timeout_ms == _CLOSE:
            return 0  # closing is no access
        return panel.opened_by_client(_opening_event(command.reason), "opened_by_client").ticket

    def carry_out(self, command: OpenDoor | ReleaseTurnstile | Authorize) -> int:
        """Open what `command` names; the ticket of its record is returned, 0 for none."""
        match command:
            case OpenDoor():
                return self.open(command)
            case ReleaseTurnstile():
                return self.release(command)
            case Authorize():
                return self.authorize(command)

    def reset_turnstile(self) -> None:
        """Forget its event state. Raises NotFound where the site has none."""
        self._present().reset(self._now_ms())

    def release(self, command: ReleaseTurnstile) -> int:
        """Let one person through the turnstile; the ticket of the record is returned.

        Raises NotFound where the site has none and NotPermitted when it lets nobody turn there.
        """
        sides = frozenset(command.sides)
        panel = self._passable(sides)
        panel.release(sides, self._now_ms())
        event = _opening_event(command.reason)
        return panel.opened_by_client(event, "opened_by_client", sides).ticket

    def authorize(self, command: Authorize) -> int:
        """Carry out what a server decided; the ticket of its record is returned.

        Raises as `open`, before any door moves.
        """
        event = AccessEvent(command.event)
        if event is AccessEvent.GRANTED:
            panels = [self._panel(opening.door) for opening in command.openings]
            for panel in panels:
                if panel.mode is Mode.LOCK_DOWN:
                    raise NotPermitted(f"door {panel.door.id} is refused: {panel.mode.value}")
                _check_reachable(panel)
            opened = {it.door for it in command.openings if it.timeout_ms != _CLOSE}
            self._interlock.check(opened)
            sides = frozenset(command.turnstile)
            if sides:
                self._passable(sides).release(sides, self._now_ms())
            for panel, opening in zip(panels, command.openings, strict=True):
                self._feed(panel, opening.timeout_ms)
        return self._recorder.authorized(
            event, command.user_id, command.portal_id, command.log_type_id
        ).ticket

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
        return self._clock.monotonic_ns() // 1_000_000

    def _feed(self, panel: DoorPanel, timeout_ms: int | None) -> None:
        effects = panel.feed(_event(timeout_ms), self._now_ms())
        for effect in effects:
            if isinstance(effect, Refused):
                raise NotPermitted(f"door {panel.door.id} is refused: {effect.reason.value}")


def _check_reachable(panel: DoorPanel) -> None:
    """Raise DeviceUnavailable for a door that cannot be opened now, and must not be later."""
    if panel.away:
        raise DeviceUnavailable(f"door {panel.door.id} cannot be reached: {panel.away}")


def _opening_event(reason: int | None) -> AccessEvent:
    if reason == WEB_REASON:
        return AccessEvent.WEB_INTERFACE
    return AccessEvent.OPENED_UNIDENTIFIED


def _event(timeout_ms: int | None) -> DoorEvent:
    if timeout_ms == 0:
        return HoldOpen()
    if timeout_ms == _CLOSE:
        return Close()
    return Unlock(timeout_ms)


class AnswerDesk:
    """Sends answers when what they promise is true: committed, or obeyed."""

    def __init__(self, link: Link, writer: Writer, policies: Policies, clock: Clock) -> None:
        self._link = link
        self._writer = writer
        self._policies = policies
        self._clock = clock
        self._committed = 0
        self._waiting: deque[_Waiting] = deque()

    def now(self, address: bytes, request: Request, body: dict[str, Any] | None = None) -> None:
        """Answer at once."""
        self._link.answer(address, Answer(id=request.id, body=body or {}))

    def refuse(self, address: bytes, request: Request, error: GatewayError) -> None:
        """Answer with what was wrong."""
        self._link.refuse(address, request.id, error)

    def when_committed(self, address: bytes, request: Request, ticket: int) -> None:
        """Answer once the record with `ticket` is durable, or at once when nothing can be."""
        if ticket <= self._committed or self._writer.fault:
            self.now(address, request)
        else:
            self._waiting.append(_Waiting(address, request.id, request.expires_ns, ticket=ticket))

    def when_obeyed(self, address: bytes, request: Request, version: int) -> None:
        """Answer once the rules of `version` decide."""
        self._waiting.append(_Waiting(address, request.id, request.expires_ns, version=version))
        self.settle()

    def committed(self, ticket: int) -> None:
        """All records up to `ticket` are durable."""
        self._committed = ticket
        self.settle()

    def settle(self) -> None:
        """Send every answer that has become true; forget whose asker has given up."""
        now_ns = self._clock.monotonic_ns()
        still: deque[_Waiting] = deque()
        for waiting in self._waiting:
            done = waiting.ticket <= self._committed or self._writer.fault
            if done and waiting.version <= self._policies.version:
                self._link.answer(waiting.address, Answer(id=waiting.request_id))
            elif now_ns < waiting.expires_ns:
                still.append(waiting)
        self._waiting = still

    def expired(self, request: Request) -> GatewayError | None:
        """The refusal of a request that lay about for longer than its asker waited."""
        if self._clock.monotonic_ns() < request.expires_ns:
            return None
        return ControllerUnavailable("the command came too late and was not carried out")
