"""Everything that can sound: zones, the case's contact, the doors' alarms, and the fire latch."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.alarms.causes import ZONE_CAUSES, AlarmCause
from gateway.alarms.register import (
    AlarmEnded,
    AlarmRegister,
    AlarmSource,
    AlarmStarted,
    RegisterChange,
)
from gateway.alarms.zones import (
    AlarmOn,
    InputLevel,
    SettingsChanged,
    TimePassed,
    ZoneEvent,
    ZoneSettings,
    ZoneState,
    due_ms,
    step,
)
from gateway.controller.bindings import Bindings
from gateway.controller.recorder import Recorder
from gateway.errors import NotFound


class _Watched:
    """One input: its machine and what it remembers."""

    def __init__(self, settings: ZoneSettings, *, alarm: bool) -> None:
        self.settings = settings
        self.state = ZoneState.initial(alarm=alarm)


class AlarmPanel:
    """Feeds the inputs' machines and keeps the register. The loop's thread alone uses it."""

    def __init__(
        self,
        zones: Iterable[int],
        *,
        tamper: bool,
        recorder: Recorder,
        open_alarms: Iterable[AlarmSource],
        now_ms: int,
    ) -> None:
        """`zones` and `tamper` say what is wired; `open_alarms` are those whose end the journal
        lacks: they stay on until their input says otherwise."""
        self._recorder = recorder
        self._register = AlarmRegister()
        for source in open_alarms:
            self._register = self._register.raise_(source, now_ms).register
        causes = [ZONE_CAUSES[number - 1] for number in zones]
        if tamper:
            causes.append(AlarmCause.TAMPER)
        on = {alarm.source.cause for alarm in self._register.active}
        self._watched = {
            cause: _Watched(ZoneSettings(cause, enabled=False, active_high=True), alarm=cause in on)
            for cause in causes
        }
        self._bound = False
        self._levels: dict[AlarmCause, bool] = {}

    def bind(self, bindings: Bindings, now_ms: int) -> None:
        """Take over the settings of a new snapshot."""
        self._bound = True
        for cause, watched in self._watched.items():
            if cause is AlarmCause.TAMPER:
                watched.settings = bindings.tamper()
            else:
                watched.settings = bindings.zone(cause.value)
            self._feed(cause, SettingsChanged(), now_ms)
        for cause, high in self._levels.items():
            self.level(cause, now_ms, high=high)

    def level(self, cause: AlarmCause, now_ms: int, *, high: bool) -> None:
        """The pin behind `cause` was read."""
        self._levels[cause] = high
        if self._bound and self._watched[cause].state.high is not high:
            self._feed(cause, InputLevel(high), now_ms)

    def door(self, cause: AlarmCause, now_ms: int, *, on: bool, door_id: int) -> None:
        """A door's machine raised or ended an alarm."""
        source = AlarmSource(cause, door_id)
        self._take(self._register.raise_(source, now_ms) if on else self._register.clear(source))

    def silence(self) -> None:
        """What is on sounds no longer; it is over only when its condition is."""
        self._take(self._register.silence())

    def tick(self, now_ms: int) -> None:
        """Feed time to every input for which something is due."""
        for cause, watched in self._watched.items():
            due = due_ms(watched.settings, watched.state)
            if due is not None and due <= now_ms:
                self._feed(cause, TimePassed(), now_ms)

    def due_ms(self) -> int | None:
        """When `tick` is next needed."""
        instants = [due_ms(watched.settings, watched.state) for watched in self._watched.values()]
        return min((instant for instant in instants if instant is not None), default=None)

    def active_high(self, zone: int) -> bool:
        """Whether the active level of a wired zone is high. Raises NotFound for one that is not."""
        for cause, watched in self._watched.items():
            if cause.value == zone and cause in ZONE_CAUSES:
                return watched.settings.active_high
        raise NotFound(f"there is no zone {zone} in this site")

    def status(self) -> tuple[bool, AlarmCause]:
        """Whether the device sounds, and the gravest cause."""
        return self._register.status()

    def _feed(self, cause: AlarmCause, event: ZoneEvent, now_ms: int) -> None:
        watched = self._watched[cause]
        transition = step(watched.settings, watched.state, event, now_ms)
        watched.state = transition.state
        for effect in transition.effects:
            source = AlarmSource(effect.cause)
            if isinstance(effect, AlarmOn):
                self._take(self._register.raise_(source, now_ms))
            else:
                self._take(self._register.clear(source))

    def _take(self, change: RegisterChange) -> None:
        self._register = change.register
        for effect in change.effects:
            match effect:
                case AlarmStarted(source=source):
                    self._recorder.alarm(source.cause, on=True, door_id=source.door_id)
                case AlarmEnded(source=source):
                    self._recorder.alarm(source.cause, on=False, door_id=source.door_id)
                case _:
                    pass  # no siren output is wired yet: alarm_status tells what sounds
