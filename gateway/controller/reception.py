"""Takes what clients ask of the controller to whoever can do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.controller.enrolment import CaptureDesk
from gateway.controller.parts import Parts
from gateway.controller.requests import AnswerDesk, OpeningDesk
from gateway.controller.simulation import Panels, Simulation
from gateway.errors import GatewayError
from gateway.hardware.wiring import input_wiring
from gateway.link.messages import (
    ArmAlarms,
    AskPosition,
    Authorize,
    Buzz,
    CancelCapture,
    Capture,
    ControllerStatus,
    DisarmAlarms,
    Forgive,
    Obey,
    OpenDoor,
    OpenTogether,
    Position,
    ReleaseTurnstile,
    ReportStatus,
    Request,
    ResetTurnstile,
    Silence,
    Simulate,
)

_MS = 1_000_000


class Reception:
    """Carries out requests of the link. The loop's thread alone uses it."""

    def __init__(self, parts: Parts, status: Callable[[], ControllerStatus]) -> None:
        """`status` tells the present state of the controller."""
        self._parts = parts
        self._status = status
        self.answers = AnswerDesk(parts.link, parts.writer, parts.policies, parts.clock)
        self.openings = OpeningDesk(
            parts.doors, parts.turnstile, parts.interlock, parts.recorder, parts.clock
        )
        self.captures = CaptureDesk(parts.site.reader, self._is_online, self.answers, parts.clock)
        panels = Panels(
            parts.doors,
            parts.alarms,
            parts.fire,
            input_wiring(parts.site),
            {reader.name: reader.index for reader in parts.site.reader},
            parts.site.turnstile,
        )
        self.simulation = Simulation(parts.rig, parts.clock, parts.zone, panels, status)

    def asked(self, address: bytes, request: Request) -> None:
        """Carry out a request, or refuse it; the answer may come later."""
        late = self.answers.expired(request)
        if late is not None:
            self.answers.refuse(address, request, late)
            return
        try:
            self._answer(address, request)
        except GatewayError as error:
            self.answers.refuse(address, request, error)

    def _answer(self, address: bytes, request: Request) -> None:
        match request.command:
            case Capture() as command:
                self.captures.ask(address, request, command)
            case Obey(version=version):
                self._parts.policies.want(self._parts.policy_version())
                self.answers.when_obeyed(address, request, version)
            case Forgive() | ArmAlarms() | DisarmAlarms() | Silence() as command:
                self.answers.when_committed(address, request, self._write_down(command))
            case OpenDoor() | ReleaseTurnstile() | OpenTogether() | Authorize() as command:
                self.answers.when_committed(address, request, self.openings.carry_out(command))
            case ReportStatus() | AskPosition() | Simulate() as command:
                self.answers.now(address, request, self._told(command))
            case ResetTurnstile() | CancelCapture() | Buzz() as command:
                self._end(command)
                self.answers.now(address, request)

    def _write_down(self, command: Forgive | ArmAlarms | DisarmAlarms | Silence) -> int:
        """Carry out what is answered once it is durable; the ticket of its record."""
        zones, now_ms = self._parts.alarms.zones, self._now_ms()
        match command:
            case Forgive(user_id=user_id):
                return self._parts.ways.forgive(user_id, "asked_by_client")
            case ArmAlarms():
                return zones.arm(command.zones, command.exit_delay_s * 1000, now_ms)
            case DisarmAlarms():
                return zones.disarm(command.zones, now_ms)
            case Silence():
                self._parts.alarms.silence(now_ms)
                self._parts.fire.reset(now_ms)
                return self._parts.recorder.last_ticket

    def _told(self, command: ReportStatus | AskPosition | Simulate) -> dict[str, Any]:
        match command:
            case ReportStatus():
                return self._status().model_dump(mode="json")
            case AskPosition(user_id=user_id):
                way = self._parts.ways.position(user_id)
                return Position(area_id=way.area_id, since_utc_s=way.since_s).model_dump()
            case Simulate():
                return self.simulation.run(command)

    def _end(self, command: ResetTurnstile | CancelCapture | Buzz) -> None:
        match command:
            case ResetTurnstile():
                self.openings.reset_turnstile()
            case CancelCapture():
                self.captures.cancel(command)
            case Buzz(for_ms=for_ms):
                self._parts.signals.buzz(for_ms, self._now_ms())

    def _now_ms(self) -> int:
        return self._parts.clock.monotonic_ns() // _MS

    def _is_online(self, reader: str) -> bool:
        return any(device.online for device in self._parts.rig.devices if device.name == reader)
