"""Dispatches the requests of clients to the components that carry them out."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from gateway.alarms.arming import OpenZones
from gateway.clock import monotonic_ms
from gateway.controller.alarms.zone_watch import ArmingOrder
from gateway.controller.components import Components
from gateway.controller.requests.commands import DoorCommands, PendingReplies
from gateway.controller.requests.enrolment import EnrolmentCapture
from gateway.controller.requests.osdp_keys import OsdpKeys
from gateway.controller.requests.osdp_tools import OsdpTools
from gateway.controller.requests.simulation import Panels, Simulation
from gateway.controller.requests.trigger_actions import TriggerActions, TriggeredOpenings
from gateway.controller.requests.wiring_watch import WiringWatch
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.errors import GatewayError, InvalidRequest, NotSupportedHere
from gateway.hardware.wiring import adc_wiring, input_wiring, reader_wiring
from gateway.link.messages import (
    AnswerClearance,
    AnswerQuestion,
    ArmAlarms,
    AskPosition,
    Authorize,
    Buzz,
    CancelCapture,
    Capture,
    ConfirmSite,
    ControllerStatus,
    DisarmAlarms,
    EmptyArea,
    Forgive,
    KeepModes,
    Obey,
    OpenDoor,
    OpenTogether,
    Position,
    Projected,
    ProposeSite,
    ReleaseTurnstile,
    ReportServer,
    ReportStatus,
    Request,
    ResetFire,
    ResetTurnstile,
    SetThreatLevel,
    Silence,
    Simulate,
    TakeBackSite,
)
from gateway.link.osdp import (
    CaptureOsdp,
    ChangeOsdpKey,
    MoveOsdpReader,
    ReportOsdp,
    ReportOsdpScan,
    ScanOsdp,
    TakeOsdpPackets,
)
from gateway.link.wiring import PulseOutput, WatchWiring

Handler = Callable[[bytes, Request, Any], None]
"""Gets the address to answer to, the request, and the command in it."""


class RequestDispatcher:
    """Carries out requests of the link. The loop's thread alone uses it."""

    def __init__(
        self,
        components: Components,
        status: Callable[[], ControllerStatus],
        apply_again: Callable[[], None],
    ) -> None:
        """`status` returns the controller's present state; `apply_again` binds rules and modes
        anew."""
        self._components = components
        self._apply_again = apply_again
        self._status = status
        self.answers = PendingReplies(
            components.link, components.writer, components.policies, components.clock
        )
        self.openings = DoorCommands(
            components.doors,
            components.turnstile,
            components.interlock,
            components.recorder,
            components.clock,
        )
        self.actions = TriggerActions(
            TriggeredOpenings(components.doors, components.elevators, components.hours),
            self.openings,
            components.alarms,
            components.outputs,
            components.modes,
            components.clock,
            components.device_time,
            apply_again,
        )
        """Of triggers."""
        self.captures = EnrolmentCapture(
            components.site.reader, self._is_online, self.answers, components.clock
        )
        panels = Panels(
            components.doors,
            components.alarms,
            components.fire,
            {
                **input_wiring(components.site),
                **reader_wiring(components.site),
                **adc_wiring(components.site),
            },
            {reader.name: reader.index for reader in components.site.reader},
            components.site.turnstile,
        )
        self.simulation = Simulation(
            components.rig, components.clock, components.zone, panels, status
        )
        self.wiring = WiringWatch(components.rig, components.clock)
        self.osdp_keys = OsdpKeys(components.site, components.rig)
        self.osdp_tools = OsdpTools(components.rig)
        self._handlers = self._table()

    def asked(self, address: bytes, request: Request) -> None:
        """Carry out a request or refuse it; the answer may follow later."""
        late = self.answers.expired(request)
        if late is not None:
            self.answers.refuse(address, request, late)
            return
        try:
            self._handlers[type(request.command)](address, request, request.command)
        except GatewayError as error:
            self.answers.refuse(address, request, error)

    def _table(self) -> Mapping[type[Any], Handler]:
        """By type of command: the handler, which also answers."""
        components, openings, zones = self._components, self.openings, self._components.alarms.zones

        def at_once(carry_out: Callable[[Any], dict[str, Any] | None]) -> Handler:
            return lambda address, request, command: self.answers.now(
                address, request, carry_out(command)
            )

        def once_durable(carry_out: Callable[[Any], int]) -> Handler:
            """Answer once the entry whose ticket `carry_out` returns is committed."""
            return lambda address, request, command: self.answers.when_committed(
                address, request, carry_out(command)
            )

        return {
            Capture: self.captures.ask,
            CancelCapture: at_once(self.captures.cancel),
            Obey: self._obey,
            OpenDoor: once_durable(openings.open),
            ReleaseTurnstile: once_durable(openings.open),
            OpenTogether: once_durable(lambda command: openings.open(*command.openings)),
            Authorize: once_durable(openings.authorize),
            AnswerQuestion: once_durable(components.server.answered),
            AnswerClearance: once_durable(components.peers.answered),
            ReportServer: once_durable(components.server.report),
            ResetTurnstile: at_once(lambda _: openings.reset_turnstile()),
            Forgive: once_durable(
                lambda command: components.positions.forgive(command.user_id, "asked_by_client")
            ),
            EmptyArea: once_durable(
                lambda command: components.positions.empty(
                    command.area_id,
                    "asked_by_client",
                    login=command.login,
                    reason=command.reason,
                )
            ),
            AskPosition: at_once(self._position),
            ArmAlarms: once_durable(lambda command: zones.arm(_order(command), self._now_ms())),
            DisarmAlarms: once_durable(
                lambda command: zones.disarm(command.zones, self._now_ms(), command.zone_set)
            ),
            Silence: once_durable(self._silence),
            ResetFire: once_durable(self._reset_fire),
            KeepModes: once_durable(self._keep_modes),
            SetThreatLevel: once_durable(self._set_threat_level),
            Buzz: at_once(lambda command: components.signals.buzz(command.for_ms, self._now_ms())),
            ReportStatus: at_once(lambda _: self._status().model_dump(mode="json")),
            Simulate: at_once(self.simulation.run),
            Projected: at_once(self._projected),
            WatchWiring: at_once(self.wiring.watch),
            ChangeOsdpKey: at_once(self.osdp_keys.change),
            MoveOsdpReader: at_once(self.osdp_keys.move),
            ReportOsdp: at_once(lambda _: self.osdp_keys.report()),
            ScanOsdp: at_once(self.osdp_tools.scan),
            ReportOsdpScan: at_once(self.osdp_tools.report_scan),
            CaptureOsdp: at_once(self.osdp_tools.capture),
            TakeOsdpPackets: at_once(self.osdp_tools.packets),
            PulseOutput: at_once(
                lambda command: components.output_tests.begin(
                    command.output, command.for_ms, self._now_ms()
                )
            ),
            ProposeSite: at_once(self._propose_site),
            ConfirmSite: at_once(lambda command: self._site_keeper.confirm(command.digest)),
            TakeBackSite: at_once(lambda command: self._site_keeper.take_back(command.digest)),
        }

    def _obey(self, address: bytes, request: Request, command: Obey) -> None:
        mirror = self._components.mirror
        version, question = (0, mirror.ask()) if mirror else (command.version, 0)
        self.answers.when_obeyed(address, request, version, question)

    def _projected(self, command: Projected) -> None:
        self._components.health.retention.projected = command.seq

    def _propose_site(self, command: ProposeSite) -> dict[str, Any]:
        try:
            text = b64decode(command.content, validate=True).decode()
        except ValueError as error:
            raise InvalidRequest("content: Base64 of a text in UTF-8 is needed") from error
        return {"digest": self._site_keeper.propose(text, command.confirm_within_s, command.by)}

    @property
    def _site_keeper(self) -> SiteKeeper:
        if self._components.site_keeper is None:
            raise NotSupportedHere("this controller has no site file of its own")
        return self._components.site_keeper

    def _position(self, command: AskPosition) -> dict[str, Any]:
        found = self._components.positions.position(command.user_id)
        return Position(area_id=found.area_id, since_utc_s=found.since_s).model_dump()

    def _keep_modes(self, command: KeepModes) -> int:
        self._components.modes.keep(command.modes)
        self._apply_again()
        return self._components.recorder.last_ticket

    def _set_threat_level(self, command: SetThreatLevel) -> int:
        ticket = self._components.threat.set(command)
        self._apply_again()
        return ticket

    def _silence(self, _: Silence) -> int:
        now_ms = self._now_ms()
        self._components.alarms.silence(now_ms)
        fire = self._components.site.fire
        if fire is not None and fire.reset_by_stop:
            self._components.fire.reset(now_ms)
        return self._components.recorder.last_ticket

    def _reset_fire(self, _: ResetFire) -> int:
        self._components.fire.reset(self._now_ms())
        return self._components.recorder.last_ticket

    def _now_ms(self) -> int:
        return monotonic_ms(self._components.clock)

    def _is_online(self, reader: str) -> bool:
        return any(
            device.online for device in self._components.rig.devices if device.name == reader
        )


def _order(command: ArmAlarms) -> ArmingOrder:
    policy = {"refuse": OpenZones.REFUSE, "bypass": OpenZones.BYPASS}.get(command.open_zones or "")
    return ArmingOrder(command.zones, command.zone_set, command.exit_delay_s * 1000, policy)
