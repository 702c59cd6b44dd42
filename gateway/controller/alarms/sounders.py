"""Sounds the siren during alarms and the bell at its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gateway.alarms.alarm_settings import SoundSettings
from gateway.alarms.sounders import SILENT, BellWatch, Sounder, TimedAlarm
from gateway.clock import Clock
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import SounderPort
from gateway.controller.state.recorder import Recorder
from gateway.controller.state.wall_seconds import WallSeconds
from gateway.errors import NotFound, NotPermitted

log = structlog.get_logger("alarm")

SIREN, BELL = "siren", "bell"


@dataclass(frozen=True, slots=True)
class SoundersState:
    """What sounds, and when the bell's times are checked next."""

    sounders: Mapping[str, Sounder]
    bells: BellWatch
    second_ms: int | None


class Sounders:
    """Drives the siren and the bell that the site has."""

    def __init__(
        self, outputs: Mapping[str, SounderPort], recorder: Recorder, clock: Clock
    ) -> None:
        """`outputs` are named as their tables in the site file; all are off."""
        self._outputs = outputs
        self._recorder = recorder
        self._seconds = WallSeconds(clock)
        self._bells: tuple[TimedAlarm, ...] = ()
        self._watch = BellWatch()
        self._sounders = {SIREN: SILENT, BELL: SILENT}
        self._settings = SoundSettings()

    def state(self) -> SoundersState:
        return SoundersState(dict(self._sounders), self._watch, self._seconds.due_ms())

    def restore(self, state: SoundersState) -> None:
        self._sounders = dict(state.sounders)
        self._watch = state.bells
        self._seconds.restore(state.second_ms)

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the settings of a snapshot; nothing happens yet."""
        self._settings = config.alarms.sounds
        self._bells = config.snapshot.bells

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the settings of a new snapshot; nothing sounds before the first."""
        self.configure(config)
        self._seconds.enable(now_ms, enabled=bool(self._bells) and self._settings.bell_enabled)
        self._drive(now_ms)

    def alarm(self, now_ms: int) -> None:
        """Sound the siren for its whole time, since an audible alarm began."""
        self._sounders[SIREN] = SILENT.started(now_ms, self._settings.siren_ms)
        self._drive(now_ms)

    def sound(self, now_ms: int, for_ms: int) -> None:
        """Sound the siren for a time (0: its own), at least as long as it sounds already.

        Raises NotFound without a siren, and NotPermitted while it is disabled.
        """
        if SIREN not in self._outputs:
            raise NotFound("this site has no siren")
        if not self._settings.siren_enabled:
            raise NotPermitted("the siren is disabled: alarm.siren_enabled is 0")
        longest_ms = self._settings.siren_ms
        until_ms = now_ms + (min(for_ms, longest_ms) or longest_ms)
        before_ms = self._sounders[SIREN].until_ms or 0
        self._sounders[SIREN] = Sounder(max(until_ms, before_ms))
        self._drive(now_ms)

    def quiet(self, now_ms: int) -> None:
        """Stop the siren, since no audible alarm is left."""
        self._sounders[SIREN] = SILENT
        self._drive(now_ms)

    def tick(self, now_ms: int) -> None:
        if self._seconds.passed(now_ms):
            moment = self._recorder.moment()
            self._watch, rings = self._watch.look(self._bells, moment.local, trusted=moment.trusted)
            if rings:
                self._sounders[BELL] = SILENT.started(now_ms, self._settings.bell_ms)
        self._drive(now_ms)

    def _drive(self, now_ms: int) -> None:
        """Switch the outputs to what this instant requires."""
        enabled = {SIREN: self._settings.siren_enabled, BELL: self._settings.bell_enabled}
        for name, sounder in self._sounders.items():
            self._sounders[name] = sounder.elapsed(now_ms)
            on = enabled[name] and sounder.sounds(now_ms)
            output = self._outputs.get(name)
            if output is not None and output.on is not on:
                log.info("an audible output is switched", output=name, on=on)
                output.drive(on=on)

    def due_ms(self) -> int | None:
        instants = [sounder.until_ms for sounder in self._sounders.values()]
        instants.append(self._seconds.due_ms())
        return min((instant for instant in instants if instant is not None), default=None)

    def on(self, name: str) -> bool:
        """Whether the site has the output `name` and it is on."""
        output = self._outputs.get(name)
        return output is not None and output.on
