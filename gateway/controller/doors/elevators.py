"""The lifts: connects their state machines to the relays of floors, rules and schedules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from gateway.access.escort import HostPass, remembered
from gateway.access.floors import FloorChoices, FloorCircumstances, floors_for, free_floors
from gateway.access.occupancy import AreaLimits, Occupancy
from gateway.access.person import Person
from gateway.clock import Clock
from gateway.controller.state.component import Component, Effect, FireChanged
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import SounderPort
from gateway.controller.state.recorder import Recorder
from gateway.controller.state.wall_seconds import WallSeconds
from gateway.doors.elevator import (
    ElevatorEvent,
    ElevatorSettings,
    ElevatorState,
    FloorsFree,
    FloorsGranted,
    LiftMode,
    LiftTime,
    counting,
    due_ms,
    step,
)
from gateway.doors.values import Mode, effective_mode
from gateway.hardware.events import HardwareEvent
from gateway.link.messages import ElevatorStatus
from gateway.objects.modes import DEVICE
from gateway.settings import Elevator, SwitchState


@dataclass(frozen=True, slots=True)
class ElevatorsState:
    """The state of each lift, by its id."""

    elevators: Mapping[int, ElevatorState]
    fire: bool
    second_ms: int | None
    hosts: Mapping[int, tuple[HostPass, ...]]
    """By portal of a floor, the hosts who could choose it last."""


class Elevators(Component):
    """Drives the relays. The loop's thread alone uses it."""

    def __init__(
        self,
        lifts: Collection[Elevator],
        outputs: Mapping[int, Mapping[int, SounderPort]],
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        """`outputs` are by lift and floor."""
        self._lifts = {lift.id: lift for lift in lifts}
        self._outputs = outputs
        self._recorder = recorder
        self._config: EffectiveConfig | None = None
        self._settings: Mapping[int, ElevatorSettings] = {}
        self._states = {lift.id: ElevatorState() for lift in lifts}
        self._fire = False
        self._hosts: dict[int, tuple[HostPass, ...]] = {}
        self._seconds = WallSeconds(clock)

    def state(self) -> ElevatorsState:
        hosts = dict(self._hosts)
        return ElevatorsState(dict(self._states), self._fire, self._seconds.due_ms(), hosts)

    def restore(self, state: ElevatorsState) -> None:
        self._states = dict(state.elevators)
        self._fire = state.fire
        self._hosts = dict(state.hosts)
        self._seconds.restore(state.second_ms)

    def configure(self, config: EffectiveConfig) -> None:
        self._config, self._settings = config, config.elevators

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over new rules and settings; the first ones end the states of `on_start`."""
        self.configure(config)
        for lift in self._lifts:
            self._feed(lift, LiftMode(self.mode), now_ms)
        self._seconds.enable(now_ms, enabled=bool(config.snapshot.floors))
        self._look(now_ms)

    @property
    def mode(self) -> Mode:
        """The mode of the device, or a fire."""
        fire = (Mode.FIRE,) if self._fire else ()
        device = self._config.modes[DEVICE].device if self._config else Mode.NORMAL
        return effective_mode(device, *fire)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        match event:
            case FireChanged(on=on):
                self._fire = on
                for lift in self._lifts:
                    self._feed(lift, LiftMode(self.mode), now_ms)

    def choices(
        self,
        lifts: Collection[int],
        people: Collection[Person],
        occupancy: Callable[[AreaLimits], Occupancy],
        now_ms: int,
    ) -> Mapping[int, FloorChoices]:
        """The floors of each of `lifts` that all of `people` may choose now, and those withheld."""
        config = self._config
        if config is None or not lifts:
            return {}
        policy = config.snapshot.policy
        seen = FloorCircumstances(
            self._recorder.moment(),
            now_ms,
            config.threat,
            occupancies={id_: occupancy(its) for id_, its in policy.area_limits.items()},
            hosts=self._hosts,
        )
        return {
            lift: floors_for(policy, people, config.floor_portals[lift], seen).within(
                self._settings[lift].floors
            )
            for lift in lifts
        }

    def grant(
        self, choices: Mapping[int, FloorChoices], people: Collection[Person], now_ms: int
    ) -> None:
        """Release the floors that `people` may choose."""
        for lift, its in choices.items():
            self._feed(lift, FloorsGranted(its.released), now_ms)
            for floor in its.released:
                self._remember_hosts(lift, floor, people, now_ms)

    def _remember_hosts(
        self, lift: int, floor: int, people: Collection[Person], now_ms: int
    ) -> None:
        """Remember who of `people` may be a host, for the visitors who come after them."""
        if self._config is None:
            return
        portal_id = self._config.floor_portals[lift][floor]
        rules = self._config.snapshot.policy.escorts.get(portal_id, ())
        hosts = remembered(rules, self._hosts.pop(portal_id, ()), people, now_ms)
        if hosts:
            self._hosts[portal_id] = hosts

    def tick(self, now_ms: int) -> None:
        if self._seconds.passed(now_ms):
            self._look(now_ms)
        for lift, state in tuple(self._states.items()):
            due = due_ms(state)
            if due is not None and due <= now_ms:
                self._feed(lift, LiftTime(), now_ms)

    def due_ms(self) -> int | None:
        """None while nothing is chosen and nothing is free by schedule."""
        dues = [due_ms(state) for state in self._states.values()]
        dues.append(self._seconds.due_ms())
        return min((due for due in dues if due is not None), default=None)

    def _look(self, now_ms: int) -> None:
        """Free the floors of the schedules of this second."""
        if self._config is None:
            return
        policy, moment = self._config.snapshot.policy, self._recorder.moment()
        for lift, portals in self._config.floor_portals.items():
            free = free_floors(policy, portals, moment, self._config.threat)
            self._feed(lift, FloorsFree(free), now_ms)

    def _feed(self, lift: int, event: ElevatorEvent, now_ms: int) -> None:
        settings = self._settings.get(lift)
        if settings is None:
            if self._fire:
                self._release_unread(lift)
            return
        self._states[lift] = step(settings, self._states[lift], event, now_ms)
        on = counting(settings, self._states[lift])
        for floor, output in self._outputs[lift].items():
            if output.on is not (floor in on):
                output.drive(on=floor in on)

    def _release_unread(self, lift: int) -> None:
        """A fire before the rules were read: what it does is in the site file."""
        for output in self._outputs[lift].values():
            output.drive(on=self._lifts[lift].on_fire is SwitchState.ON)

    def status(self) -> tuple[ElevatorStatus, ...]:
        return tuple(
            ElevatorStatus(
                id=lift.id,
                name=lift.name,
                floors=tuple(sorted(n for n, it in self._outputs[lift.id].items() if it.on)),
                mode=self._states[lift.id].mode.value,
            )
            for lift in self._lifts.values()
        )
