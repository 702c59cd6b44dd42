"""One module of a line: whether it is there, what its inputs say, what its relays do."""

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
"""What a line tells the loop."""

POLL_S = 0.05
"""From one look at a module to the next; the line's other modules may make it longer."""
RECONCILE_S = 1.0
"""A relay is read back at least this often: a module that lost its power has dropped it."""
SILENT_AFTER = 3
"""So many looks in a row without an answer, and the module is offline."""
RETRY_S = (0.2, 1.0)
"""From one look at a silent module to the next, at first and at last: each costs its time-out."""
HOLD_MS = 2_000
"""How long a relay stays on that nobody renews, where the module measures time."""
RENEW_S = 0.5
_WINDOW = 100
"""Latest requests of which failures are counted."""
_NOISE = 10
"""So many failures among them, and the line is not as it should be."""


class ModuleRelay:
    """The output of one lock on a module, as the loop drives it; its thread reads `state`."""

    def __init__(self, box: SecBox, wake: Callable[[], None]) -> None:
        self._state = box.on_start
        self._wake = wake

    @property
    def state(self) -> LockState:
        """What the relay was told last; a module that is away has not heard it."""
        return self._state

    def drive(self, state: LockState) -> None:
        """Lock or unlock."""
        if state is not self._state:
            self._state = state
            self._wake()

    def release(self, on_stop: LockState) -> None:
        """The last thing it is told."""
        self.drive(on_stop)


class _Contact:
    """An input of the module: a level counts once two looks in a row have seen it."""

    def __init__(self, name: InputName, number: int) -> None:
        self.name = name
        self.number = number
        self._counts: bool | None = None
        self._seen: bool | None = None

    def forget(self) -> None:
        """What was seen is of another time."""
        self._counts = self._seen = None

    def see(self, *, high: bool) -> bool:
        """Whether `high` is news; the first look after an absence always is."""
        steady = high is self._seen or self._counts is None
        self._seen = high
        if not steady or high is self._counts:
            return False
        self._counts = high
        return True


class _Lock:
    """A relay of the module, and what it did last."""

    def __init__(self, box: SecBox, relay: ModuleRelay) -> None:
        self.box = box
        self.relay = relay
        self.on: bool | None = None
        """As the module confirmed it; None while that is not known."""
        self.renew_s = 0.0

    @property
    def should_be_on(self) -> bool:
        return self.box.switches_on(self.relay.state)


class Module:
    """One module at work. The line's thread alone uses it."""

    def __init__(
        self,
        bus: ModbusBus,
        profile: ModuleProfile,
        boxes: Sequence[tuple[SecBox, ModuleRelay]],
        report: Callable[[ModuleReport], None],
        now_ns: Callable[[], int],
    ) -> None:
        """`report` takes what is to be posted, at the instant that `now_ns` shows."""
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
        """Read the module's inputs, and its relays when that is due."""
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
            # High as at a pin with a pull-up: while the contact is open.
            high = inputs[contact.number] is not self._profile.closed
            if contact.see(high=high):
                self._report(InputLevel(contact.name, high, self._now_ns()))

    def drive(self, now_s: float) -> None:
        """Switch relays that do not do what they were told, and renew those that hold for a time.

        Nothing while the module is silent: it hears of it when it is found again.
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
                # The next look comes at once, and this again before it.
                self._fail(error, now_s)
                self.due_s = min(self.due_s, now_s + POLL_S)

    def release(self) -> None:
        """Tell each relay for the last time what it is to do, for as long as it likes."""
        for lock in self._locks if self._found else ():
            for _attempt in range(SILENT_AFTER):
                try:
                    self._bus.write_coil(self._address, lock.box.coil, on=lock.should_be_on)
                    break
                except (NoAnswer, ModuleRefused):
                    continue

    def _initialise(self, now_s: float) -> None:
        """Bring a module that was away, or is new, to what it should be; its relays first."""
        for lock in self._locks:
            self._switch(lock, now_s)
        for setup in self._profile.setup:
            there = self._bus.read_registers(self._address, setup.register_, setup.count)
            # Written only where it differs: some modules keep them in a memory that wears out.
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
                    # What it forgot, it may have forgotten with all else.
                    self._found = False
                    self.due_s = now_s
                    why = f"relay {lock.box.coil} was not as it was switched"
                    self._report_health(Health.DEGRADED, f"{why}: did the module lose its power?")
                    raise NoAnswer(why)
        if not self._input_count:
            return ()
        return self._bus.read_inputs(self._address, self._input_count)

    def _timed(self, lock: _Lock) -> bool:
        """Whether the relay is unlocked for a time of the module's own."""
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
        # Not to be told with every answer: it ends at half of what began it.
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
