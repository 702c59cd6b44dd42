"""Carries out `gateway sim` on the simulated board, and refuses on any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from gateway.clock import EARLIEST, LATEST, AdjustableClock
from gateway.controller.alarms.alarm_panel import AlarmPanel
from gateway.controller.alarms.fire import FireLatch
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.state.ports import RigPort
from gateway.credentials.card_number import parse_card
from gateway.errors import InvalidRequest, NotFound, NotSupportedHere
from gateway.hardware.events import TURN_INPUTS, InputKind, InputName
from gateway.hardware.wiring import InputWire
from gateway.link.messages import ControllerStatus, Simulate
from gateway.settings import (
    FixedAdcInput,
    FixedInput,
    FixedReaderInput,
    Level,
    Side,
    Turnstile,
)

if TYPE_CHECKING:
    from gateway.hardware.simulated.simulator import Simulator

LONGEST_HOLD_S = 120.0
USUAL_HOLD_S = "0.3"
"""How long a button is pressed by default."""
SHORTEST_TURN_MS = 100
"""How long a turnstile's contact is active in a turn; longer if its debounce time requires it."""
_ACTIVE = ("open", "active", "on")


@dataclass(frozen=True, slots=True)
class Panels:
    """What knows which level of each input is active."""

    doors: dict[int, DoorPanel]
    alarms: AlarmPanel
    fire: FireLatch
    inputs: Mapping[InputName, InputWire] = field(default_factory=dict)
    readers: Mapping[str, int] = field(default_factory=dict)
    """Name -> index."""
    turnstile: Turnstile | None = None


class Simulation:
    """Turns commands of `gateway sim` into pin levels and bytes."""

    def __init__(
        self,
        rig: RigPort,
        clock: AdjustableClock,
        zone: Callable[[], tzinfo],
        panels: Panels,
        status: Callable[[], ControllerStatus],
    ) -> None:
        """`zone` returns the site's time zone, for times without an offset."""
        self._simulator = rig.simulator
        self._clock = clock
        self._zone = zone
        self._doors = panels.doors
        self._alarms = panels.alarms
        self._fire = panels.fire
        self._inputs = panels.inputs
        self._readers = panels.readers
        self._turnstile = panels.turnstile
        self._status = status

    def run(self, command: Simulate) -> dict[str, Any]:
        """Carry out `command` and return its answer.

        Raises NotSupportedHere on real hardware, NotFound for an unknown name and InvalidRequest
        for an invalid value.
        """
        if self._simulator is None:
            raise NotSupportedHere("sim works on the simulated board only; this one is real")
        if command.verb == "state":
            return {**self._status().model_dump(mode="json"), **self._simulator.state()}
        self._drive(self._simulator, command)
        return {}

    def _drive(self, simulator: Simulator, command: Simulate) -> None:
        value = command.value or ""
        match command.verb:
            case "frame":
                pulse_ns = command.pulse_us * 1_000
                simulator.frame(command.reader or "", value, pulse_ns)
            case "swipe" | "tag" | "present":
                _at_reader(simulator, command, command.reader or "", value)
            case verb if verb in _VERBATIM or verb in _WITHOUT_VALUE:
                _at_reader(simulator, command, command.reader or "", value)
            case "rex":
                name, pressed_high = self._input(command)
                simulator.press(name, high=pressed_high, hold_ms=_hold_ms(value or USUAL_HOLD_S))
            case "turn":
                self._turn(simulator, value)
            case "adc":
                simulator.adcs.play(command.adc or "", command.channel, value)
            case "clock":
                self._clock.set_utc(self._moment(value))
            case _:
                name, active_high = self._input(command)
                simulator.set_input(name, high=active_high is (value in _ACTIVE))

    def _turn(self, simulator: Simulator, value: str) -> None:
        """Pulse the contact of a side, as a person who passes does."""
        if self._turnstile is None:
            raise NotFound("this site has no turnstile")
        try:
            side = Side(value)
        except ValueError:
            raise InvalidRequest(f"a turn is {' or '.join(Side)}, not {value!r}") from None
        contact = self._turnstile.way(side).turn
        hold_ms = max(SHORTEST_TURN_MS, 2 * contact.debounce_ms)
        simulator.press(TURN_INPUTS[side], high=contact.idle is Level.LOW, hold_ms=hold_ms)

    def _input(self, command: Simulate) -> tuple[InputName, bool]:
        """The input that `command` drives, and whether its active level is high."""
        match command.verb:
            case "door":
                panel = self._door(command.door)
                name = InputName(InputKind.DOOR_SENSOR, panel.door.id)
                return name, not panel.sensor_idle_high
            case "rex":
                panel = self._door(command.door)
                if panel.door.rex is None:
                    raise NotFound(
                        f"door {panel.door.name} has no exit button: no `rex` in its table"
                    )
                return InputName(InputKind.REX, panel.door.id), not panel.rex_idle_high
            case "zone":
                number = command.zone or 0
                return InputName(InputKind.ZONE, number), self._alarms.active_high(number)
            case "tamper" if command.reader:
                return self._contact(
                    InputName(InputKind.READER_TAMPER, self._index(command.reader))
                )
            case "fire":
                return InputName(InputKind.FIRE), not self._fire.idle_high
            case verb:
                return self._contact(InputName(InputKind(verb)))

    def _contact(self, name: InputName) -> tuple[InputName, bool]:
        """An input whose idle level the site file declares, or that of a reader on a bus, which is
        active as high; the simulator refuses absent ones."""
        wiring = self._inputs.get(name)
        if isinstance(wiring, FixedInput | FixedReaderInput | FixedAdcInput):
            return name, wiring.idle is Level.LOW
        return name, wiring is None

    def _index(self, reader: str) -> int:
        if reader not in self._readers:
            known = ", ".join(self._readers) or "none"
            raise NotFound(f"there is no reader {reader}; this site has: {known}")
        return self._readers[reader]

    def _moment(self, text: str) -> datetime | None:
        """The instant in `text`; a time without an offset is in the site's time zone."""
        if text == "real":
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidRequest(f"{text!r} is no ISO time such as 2026-03-01T08:30:00") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone())
        # Compared before it is converted: Python has no time in UTC for the first and last hours.
        if not EARLIEST <= moment <= LATEST:
            raise InvalidRequest(
                f"the clock shows {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}, not {text!r}"
            )
        return moment.astimezone(UTC)

    def _door(self, name: str | None) -> DoorPanel:
        for panel in self._doors.values():
            if panel.door.name == name:
                return panel
        known = ", ".join(panel.door.name for panel in self._doors.values()) or "none"
        raise NotFound(f"there is no door {name}; this site has: {known}")


_VERBATIM: dict[str, Callable[[Simulator, str, str], None]] = {
    "key": lambda simulator, reader, value: simulator.keys(reader, value),
    "qr": lambda simulator, reader, value: simulator.qr(reader, value),
    "type": lambda simulator, reader, value: simulator.type(reader, value),
    "osdp": lambda simulator, reader, value: simulator.play_osdp(reader, value),
}
"""Verbs whose value goes to the reader unchanged."""
_WITHOUT_VALUE: dict[str, Callable[[Simulator, str], None]] = {
    "remove": lambda simulator, reader: simulator.remove(reader),
    "unplug": lambda simulator, reader: simulator.unplug(reader),
    "plug": lambda simulator, reader: simulator.plug(reader),
}


def _at_reader(simulator: Simulator, command: Simulate, reader: str, value: str) -> None:
    """Carry out a command at one reader."""
    match command.verb:
        case "swipe":
            simulator.swipe(reader, _card(value), command.format)
        case "tag":
            simulator.tag(reader, value, _hold_ms(command.hold or USUAL_HOLD_S))
        case "present":
            simulator.present(reader, _serial(value))
        case verb if verb in _VERBATIM:
            _VERBATIM[verb](simulator, reader, value)
        case verb:
            _WITHOUT_VALUE[verb](simulator, reader)


def _hold_ms(text: str) -> int:
    try:
        hold_s = float(text)
    except ValueError:
        raise InvalidRequest(f"hold must be seconds, not {text!r}") from None
    if not 0 < hold_s <= LONGEST_HOLD_S:
        raise InvalidRequest(f"hold must be above 0 and at most {LONGEST_HOLD_S:g} seconds")
    return round(hold_s * 1000)


def _serial(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidRequest(f"{text!r} is no hexadecimal number of whole bytes") from None


def _card(text: str) -> int:
    try:
        return parse_card(text)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
