"""Carries out the gestures of people at readers: holds of doors, arming and disarming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.gestures import Gesture, GestureState, PortalGesture
from gateway.access.signals import Cue
from gateway.clock import Clock, monotonic_ms
from gateway.controller.access.reader_signals import ReaderSignals
from gateway.controller.alarms.zone_watch import ArmingOrder, ZoneWatch
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.doors.interlock import Interlock
from gateway.controller.state.component import Component, Decided, Effect
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.credentials.values import CredentialKind, Identification
from gateway.doors.values import Mode, door_event
from gateway.errors import DeviceUnavailable, GatewayError, NotFound, NotPermitted
from gateway.hardware.events import HardwareEvent
from gateway.link.messages import CLOSE_MS
from gateway.store.journal import EntryKind

HOLD_MS = 0
"""As the API's timeout of a hold."""


class GestureWatch(Component):
    """Follows the granted reads of each reader. The loop's thread alone uses it."""

    def __init__(
        self,
        zones: ZoneWatch,
        doors: Mapping[int, DoorPanel],
        interlock: Interlock,
        signals: ReaderSignals,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._zones = zones
        self._doors = doors
        self._interlock = interlock
        self._signals = signals
        self._recorder = recorder
        self._clock = clock
        self._config: EffectiveConfig | None = None
        self._state = GestureState()

    def state(self) -> GestureState:
        return self._state

    def restore(self, state: GestureState) -> None:
        self._state = state

    def configure(self, config: EffectiveConfig) -> None:
        self._config = config

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over rules."""
        del now_ms
        self.configure(config)

    def _doors_of(self, portal_id: int, config: EffectiveConfig) -> Sequence[int]:
        portal = config.snapshot.policy.portals.get(portal_id)
        return tuple(config.topology.doors_of(portal.actions)) if portal else ()

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        match event:
            case Decided(outcome=outcome) if self._config is not None and outcome.reader:
                self._decided(outcome, self._config, now_ms)

    def takes(self, read: Identification) -> bool:
        """Whether a read is the keys of a gesture, which is then carried out; no PIN is looked up
        for it."""
        if self._config is None or read.credential.kind is not CredentialKind.PIN:
            return False
        now_ms = monotonic_ms(self._clock)
        keys, reader = str(read.credential.value), read.reader
        done = self._state.keyed(self._config.gestures, reader, keys, now_ms)
        if done is None:
            return False
        user_id = self._state.runs[reader].user_id
        self._carry_out(done, self._config, reader, user_id, now_ms)
        return True

    def _decided(self, outcome: AdmissionOutcome, config: EffectiveConfig, now_ms: int) -> None:
        decision, person, reader = outcome.decision, outcome.person, outcome.reader
        if not decision.allowed or person is None:
            self._state = self._state.without(reader)
            return
        self._state, done = self._state.granted(
            config.gestures, reader, decision.portal_id, (person.id, person.group_ids), now_ms
        )
        if done is not None:
            self._carry_out(done, config, reader, person.id, now_ms)

    def _carry_out(
        self, done: PortalGesture, config: EffectiveConfig, reader: str, user_id: int, now_ms: int
    ) -> None:
        try:
            if done.gesture is Gesture.HOLD:
                self._toggle_hold(done, config, reader, user_id, now_ms)
            else:
                self._switch_zones(done, user_id, now_ms)
        except GatewayError as error:
            if done.gesture is Gesture.HOLD or isinstance(error, NotFound):
                self._note(done, reader, user_id, held=False, why=str(error))
            self._signals.show(reader, Cue.ERROR, now_ms)
        else:
            self._signals.show(reader, Cue.GRANT, now_ms)

    def _toggle_hold(
        self, done: PortalGesture, config: EffectiveConfig, reader: str, user_id: int, now_ms: int
    ) -> None:
        """Raises NotPermitted, DeviceUnavailable, NotFound where the doors must not be held."""
        doors = [self._doors[it] for it in self._doors_of(done.portal_id, config)]
        if not doors:
            raise NotFound("the portal opens no door of this device")
        held = any(panel.held for panel in doors)
        if not held and _locks(config):
            raise NotPermitted(f"threat level {config.threat_level} allows no hold")
        if not held:
            self._check(doors)
        for panel in doors:
            panel.feed(door_event(CLOSE_MS if held else HOLD_MS), now_ms)
        self._note(done, reader, user_id, held=not held)

    def _check(self, doors: list[DoorPanel]) -> None:
        for panel in doors:
            if panel.mode is Mode.LOCK_DOWN:
                raise NotPermitted(f"door {panel.door.id} is refused: {panel.mode.value}")
            if panel.away:
                raise DeviceUnavailable(f"door {panel.door.id} cannot be reached: {panel.away}")
        numbers = {panel.door.id for panel in doors}
        self._interlock.check(numbers)
        if self._interlock.asks_peers(numbers):
            raise NotPermitted("an interlock with other devices allows no hold")

    def _switch_zones(self, done: PortalGesture, user_id: int, now_ms: int) -> None:
        """Raises NotFound without the set, NotPermitted for open zones; that is journalled."""
        if done.gesture is Gesture.ZONES and self._zones.all_armed(done.zone_set_id, now_ms):
            self._zones.disarm(None, now_ms, done.zone_set_id, user_id)
            return
        order = ArmingOrder(
            zone_set=done.zone_set_id, exit_delay_ms=done.exit_delay_ms, user_id=user_id
        )
        self._zones.arm(order, now_ms)

    def _note(
        self, done: PortalGesture, reader: str, user_id: int, *, held: bool, why: str = ""
    ) -> None:
        self._recorder.note(
            EntryKind.GESTURE,
            portal_id=done.portal_id,
            reader=reader,
            user_id=user_id,
            held=held,
            why=why,
        )


def _locks(config: EffectiveConfig) -> bool:
    """Whether the threat level in force keeps doors from staying unlocked."""
    return config.threat is not None and config.threat.stops_unlock_schedules
