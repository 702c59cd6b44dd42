"""One module of a line: supervises it, reads its inputs and switches its relays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gateway.hardware.events import DeviceState, Health, InputKind, InputLevel, InputName
from gateway.hardware.secbox.modbus_errors import ModuleRefused, NoAnswer
from gateway.hardware.secbox.profiles import ModuleProfile
from gateway.settings import LockState, SecBox

if TYPE_CHECKING:
    from gateway.hardware.secbox.modbus_bus import ModbusBus

ModuleReport = DeviceState | InputLevel
"""A report from the line's thread to the loop."""

POLL_S = 0.05
"""Poll interval of a module; other modules on the line may extend it."""
RECONCILE_S = 1.0
"""Interval of reading relays back: a module that lost power has dropped them."""
SILENT_AFTER = 3
"""Polls without an answer, in a row, until the module is offline."""
RETRY_S = (0.2, 1.0)
"""Shortest and longest poll interval of an offline module; each poll costs a time-out."""
HOLD_MS = 2_000
"""How long a relay stays on without renewal, for modules with timed relays."""
RENEW_S = 0.5
_WINDOW = 100
"""Number of latest requests in which failures are counted."""
_NOISE = 10
"""Failures among them that degrade the module."""


class ModuleRelay:
    """The output of one lock on a module. The loop drives it; the line's thread reads `state`."""

    def __init__(self, box: SecBox, wake: Callable[[], None]) -> None:
        self._state = box.on_start
        self._wake = wake

    @property
    def state(self) -> LockState:
        """The requested state; an offline module has not received it."""
        return self._state

    def drive(self, state: LockState) -> None:
        """Lock or unlock."""
        if state is not self._state:
            self._state = state
            self._wake()

    def release(self, on_stop: LockState) -> None:
        """Request the final state."""
        self.drive(on_stop)


class _Contact:
    """An input of the module; a level counts after two equal polls."""

    def __init__(self, name: InputName, number: int) -> None:
        self.name = name
        self.number = number
        self._counts: bool | None = None
        self._seen: bool | None = None

    def forget(self) -> None:
        """Forget the levels seen before an absence."""
        self._counts = self._seen = None

    def see(self, *, high: bool) -> bool:
        """Note a level; returns whether it is a new stable level. The first poll always is."""
        steady = high is self._seen or self._counts is None
        self._seen = high
        if not steady or high is self._counts:
            return False
        self._counts = high
        return True


class _Lock:
    """A relay of the module and its last confirmed state."""

    def __init__(self, box: SecBox, relay: ModuleRelay) -> None:
        self.box = box
        self.relay = relay
        self.on: bool | None = None
        """The state that the module confirmed; None if unknown."""
        self.renew_s = 0.0

    @property
    def should_be_on(self) -> bool:
        return self.box.switches_on(self.relay.state)


class Module:
    """One module. Only the line's thread uses it."""

    def __init__(
        self,
        bus: ModbusBus,
        profile: ModuleProfile,
        boxes: Sequence[tuple[SecBox, ModuleRelay]],
        report: Callable[[ModuleReport], None],
        now_ns: Callable[[], int],
    ) -> None:
        """`report` receives events stamped by `now_ns`."""
        self.due_s = 0.0
        self._bus = bus
        self._profile = profile
        self._report = report
        self._now_ns = now_ns
        self._address = boxes[0][0].address
        self._locks = [_Lock(box, relay) for box, relay in boxes]
        self._contacts = [each for box, _ in boxes for each in _contacts(box)]
        self._coil_count = 1 + max(box.coil for box, _ in boxes)
        self._input_count = 1 + max((each.number for each in self._contacts), default=-1)
        self._found = False
        self._reported: tuple[Health, str] | None = None
        self._failed_in_row = 0
        self._results: deque[bool] = deque(maxlen=_WINDOW)
        self._retry_s = RETRY_S[0]
        self._reconcile_s = 0.0

    def poll(self, now_s: float) -> None:
        """Read the module's inputs, and its relays when due."""
        self.due_s = now_s + POLL_S
        try:
            if not self._found:
                self._initialise(now_s)
            inputs = self._read(now_s)
        except (NoAnswer, ModuleRefused) as error:
            self._fail(error, now_s)
            return
        self._results.append(True)
        self._failed_in_row = 0
        self._retry_s = RETRY_S[0]
        self._report_quality()
        for contact in self._contacts:
            # An open contact is high, as at a pin with a pull-up.
            high = inputs[contact.number] is not self._profile.closed
            if contact.see(high=high):
                self._report(InputLevel(contact.name, high, self._now_ns()))

    def drive(self, now_s: float) -> None:
        """Switch relays to their requested states and renew timed ones.

        Does nothing while the module is offline: `_initialise` switches its relays.
        """
        if not self._found:
            return
        for lock in self._locks:
            renewed = lock.on and self._timed(lock) and now_s >= lock.renew_s
            if lock.on is lock.should_be_on and not renewed:
                continue
            try:
                self._switch(lock, now_s)
            except (NoAnswer, ModuleRefused) as error:
                # Poll at once; the relay is driven again before.
                self._fail(error, now_s)
                self.due_s = min(self.due_s, now_s + POLL_S)

    def release(self) -> None:
        """Write the final state of each relay, without a time limit."""
        for lock in self._locks if self._found else ():
            for _attempt in range(SILENT_AFTER):
                try:
                    self._bus.write_coil(self._address, lock.box.coil, on=lock.should_be_on)
                    break
                except (NoAnswer, ModuleRefused):
                    continue

    def _initialise(self, now_s: float) -> None:
        """Set up a new or returned module, its relays first."""
        for lock in self._locks:
            self._switch(lock, now_s)
        for setup in self._profile.setup:
            there = self._bus.read_registers(self._address, setup.register_, setup.count)
            # Write only differences: some modules store them in memory that wears out.
            for register, value in enumerate(there, setup.register_):
                if value != setup.value:
                    self._bus.write_register(self._address, register, setup.value)
        for contact in self._contacts:
            contact.forget()
        self._reconcile_s = now_s + RECONCILE_S
        self._found = True

    def _read(self, now_s: float) -> tuple[bool, ...]:
        if now_s >= self._reconcile_s or not self._input_count:
            coils = self._bus.read_coils(self._address, self._coil_count)
            self._reconcile_s = now_s + RECONCILE_S
            for lock in self._locks:
                if lock.on is not None and coils[lock.box.coil] is not lock.on:
                    lock.on = None
                    # The module may have lost its other settings too.
                    self._found = False
                    self.due_s = now_s
                    why = f"relay {lock.box.coil} is not as it was switched"
                    self._report_health(Health.DEGRADED, f"{why}: did the module lose its power?")
                    raise NoAnswer(why)
        if not self._input_count:
            return ()
        return self._bus.read_inputs(self._address, self._input_count)

    def _timed(self, lock: _Lock) -> bool:
        """Return whether the module limits the time of this relay's unlocking."""
        unlocks = lock.box.switches_on(LockState.UNLOCKED)
        return self._profile.pulse is not None and unlocks

    def _switch(self, lock: _Lock, now_s: float) -> None:
        on, lock.on = lock.should_be_on, None
        pulse = self._profile.pulse
        if on and pulse is not None and self._timed(lock):
            coil = pulse.coil + lock.box.coil
            self._bus.pulse_coil(self._address, coil, pulse.units(HOLD_MS))
            lock.renew_s = now_s + RENEW_S
        else:
            self._bus.write_coil(self._address, lock.box.coil, on=on)
        lock.on = on

    def _fail(self, error: NoAnswer | ModuleRefused, now_s: float) -> None:
        self._results.append(False)
        self._failed_in_row += 1
        if isinstance(error, ModuleRefused):
            self._mark_offline(f"module {self._address} refuses a request: {error}")
        elif self._failed_in_row >= SILENT_AFTER:
            self._mark_offline(f"module {self._address} does not answer: {error}")
        else:
            return
        self.due_s = now_s + self._retry_s
        self._retry_s = min(2 * self._retry_s, RETRY_S[1])

    def _mark_offline(self, why: str) -> None:
        self._found = False
        for lock in self._locks:
            lock.on = None
        self._results.clear()
        self._report_health(Health.OFFLINE, why)

    def _report_quality(self) -> None:
        failed = self._results.count(False)
        noisy = self._reported is not None and self._reported[0] is Health.DEGRADED
        # Hysteresis: the state ends at half the failures that began it.
        if failed >= (_NOISE // 2 if noisy else _NOISE):
            self._report_health(
                Health.DEGRADED, "the line is disturbed: answers are missing or broken"
            )
        else:
            self._report_health(Health.ONLINE, "")

    def _report_health(self, health: Health, why: str) -> None:
        if (health, why) == self._reported:
            return
        self._reported = (health, why)
        for lock in self._locks:
            self._report(DeviceState(lock.box.name, health, why, self._now_ns()))


def _contacts(box: SecBox) -> list[_Contact]:
    kinds = {"sensor": InputKind.DOOR_SENSOR, "rex": InputKind.REX}
    return [_Contact(InputName(kinds[key], box.id), at) for key, at in box.inputs().items()]
