"""The lights and buzzers of the readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.reasons import Reason
from gateway.access.signals import SHORT_MS, Cue, Idle, Part, Signal
from gateway.controller.state.component import Chimed, Component, Decided, Effect, OpeningId
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import FeedbackPort, SounderPort
from gateway.doors.values import Mode
from gateway.errors import NotSupportedHere
from gateway.hardware.events import HardwareEvent
from gateway.settings import SiteFile

CHIME_MS = 300
"""How long readers beep when something opens that is to chime."""


@dataclass(frozen=True, slots=True)
class ReaderSignalsState:
    """What each reader shows."""

    signals: Mapping[str, Signal]
    waits: Mapping[str, int]
    """Reader -> the portal at which more people are due."""
    idle: Mapping[str, Signal]
    """What readers show while they signal nothing, if it is not the usual."""
    buzz_until_ms: int
    due_ms: int | None


class ReaderSignals(Component):
    """Drives the lights and buzzers that the readers have. The loop's thread alone uses it."""

    def __init__(
        self,
        site: SiteFile,
        switches: Mapping[str, SounderPort],
        feedback: Mapping[str, FeedbackPort] = MappingProxyType({}),
    ) -> None:
        """`switches` are named as in `SiteFile.switches`, and off; `feedback` belongs to readers
        that time their light and sound themselves."""
        self._feedback = feedback
        self._outputs: dict[str, dict[Part, SounderPort]] = {}
        """Reader -> its outputs; readers without any are absent."""
        for reader in site.reader:
            outputs = {
                Part(key): switches[f"reader {reader.name} {key}"]
                for key, _wire in reader.outputs()
            }
            if outputs:
                self._outputs[reader.name] = outputs
        self._readers = {reader.name: reader.index for reader in site.reader}
        self._turnstile = site.turnstile.name if site.turnstile else ""
        self._opens: dict[str, frozenset[OpeningId]] = {}
        """Reader -> what its portal opens."""
        self._idle: dict[str, Signal] = {}
        """What readers show while they signal nothing; the usual is absent."""
        self._signals: dict[str, Signal] = {}
        self._waits: dict[str, int] = {}
        """Reader -> the portal at which more people are due."""
        self._buzz_until_ms = 0
        self._beeps = True
        self._wait_ms: dict[Reason, int] = {}
        self._due_ms: int | None = None

    def state(self) -> ReaderSignalsState:
        return ReaderSignalsState(
            dict(self._signals),
            dict(self._waits),
            dict(self._idle),
            self._buzz_until_ms,
            self._due_ms,
        )

    def restore(self, state: ReaderSignalsState) -> None:
        self._signals = dict(state.signals)
        self._waits = dict(state.waits)
        self._idle = dict(state.idle)
        self._buzz_until_ms = state.buzz_until_ms
        self._due_ms = state.due_ms

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Adopt new settings, and drive the outputs by them."""
        self.configure(config)
        self._drive(now_ms)

    def configure(self, config: EffectiveConfig) -> None:
        """Adopt settings; nothing happens yet."""
        self._opens = {}
        for reader, index in self._readers.items():
            doors, sides = config.topology.opened_by_reader(index)
            turnstile = {("turnstile", self._turnstile)} if sides else set()
            self._opens[reader] = frozenset({("door", door) for door in doors} | turnstile)
        self._beeps = config.beeps
        self._wait_ms = {
            Reason.SECOND_FACTOR_DUE: config.admission.second_factor_ms,
            Reason.SERVER_FACTOR_DUE: config.admission.second_factor_ms,
            Reason.WAITING_FOR_PERSONS: config.admission.persons_ms,
        }

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Show a decision at its reader."""
        match event:
            case Decided(outcome=outcome, unlocked_ms=unlocked_ms):
                self._decided(outcome, unlocked_ms, now_ms)
            case Chimed() if self._beeps:
                self._buzz_all(CHIME_MS, now_ms)

    def _decided(self, outcome: AdmissionOutcome, unlocked_ms: int, now_ms: int) -> None:
        decision, reader = outcome.decision, outcome.reader
        cue = decision.reason.cue
        if cue is not Cue.WAIT:
            self._end_waits(reader, decision.portal_id if decision.allowed else None)
        elif decision.reason is Reason.WAITING_FOR_PERSONS:
            self._waits[reader] = decision.portal_id
        usual_ms = unlocked_ms if cue is Cue.GRANT else 0
        self.show(reader, cue, now_ms, self._wait_ms.get(decision.reason, usual_ms))

    def show(self, reader: str, cue: Cue, now_ms: int, for_ms: int = 0) -> None:
        """Show `cue` at `reader` for a time, 0 for a moment; it replaces what the reader shows."""
        if reader in self._outputs:
            self._signals[reader] = Signal(cue, now_ms, now_ms + (for_ms or SHORT_MS))
        if reader in self._feedback:
            self._feedback[reader].show(cue, for_ms, beeps=self._beeps)
        self._drive(now_ms)

    def show_idle(self, modes: Mapping[OpeningId, Mode], waits_at: str | None, now_ms: int) -> None:
        """Show the `modes` of what the readers open, and that reader `waits_at` waits for a
        credential to be enrolled, while the readers signal nothing."""
        for reader in self._readers:
            opens = self._opens.get(reader, frozenset())
            idle = Idle.NORMAL
            if any(modes.get(opening) is Mode.LOCK_DOWN for opening in opens):
                idle = Idle.LOCK_DOWN
            if reader == waits_at:
                idle = Idle.ENROLMENT
            shown = self._idle.get(reader)
            if idle is (shown.cue if shown else Idle.NORMAL):
                continue
            if idle is Idle.NORMAL:
                del self._idle[reader]
            else:
                self._idle[reader] = Signal(idle, now_ms)
            if reader in self._feedback:
                self._feedback[reader].idle(idle)
            self._drive(now_ms)

    def buzz(self, for_ms: int, now_ms: int) -> None:
        """Sound every buzzer for a client, even if `general.beep_enabled` is off.

        Raises NotSupportedHere if no reader has a buzzer.
        """
        wired = any(Part.BUZZER in outputs for outputs in self._outputs.values())
        if not wired and not self._feedback:
            raise NotSupportedHere("this device has no buzzer")
        self._buzz_all(for_ms, now_ms)

    def _buzz_all(self, for_ms: int, now_ms: int) -> None:
        for feedback in self._feedback.values():
            feedback.buzz(for_ms)
        self._buzz_until_ms = now_ms + for_ms
        self._drive(now_ms)

    def tick(self, now_ms: int) -> None:
        """Bring the outputs up to date."""
        self._drive(now_ms)

    def due_ms(self) -> int | None:
        """When `tick` is next needed."""
        return self._due_ms

    def _end_waits(self, reader: str, portal_id: int | None) -> None:
        """End the wait at `reader`, and at all readers where people wait for portal `portal_id`."""
        self._waits.pop(reader, None)
        for other, waits_at in list(self._waits.items()):
            if waits_at == portal_id:
                del self._waits[other]
                self._signals.pop(other, None)
                if other in self._feedback:
                    self._feedback[other].show(None, 0, beeps=False)

    def _wired_idle(self) -> Iterator[Signal]:
        return (signal for reader, signal in self._idle.items() if reader in self._outputs)

    def _drive(self, now_ms: int) -> None:
        """Switch every output as it should be at this instant."""
        buzzes = now_ms < self._buzz_until_ms
        for reader, outputs in self._outputs.items():
            signal = self._signals.get(reader)
            if signal is None or now_ms >= signal.until_ms:
                signal = self._idle.get(reader)
            for part, output in outputs.items():
                on = signal is not None and signal.on(part, now_ms)
                if part is Part.BUZZER:
                    on = buzzes or (on and self._beeps)
                if output.on is not on:
                    output.drive(on=on)
        shown = [*self._signals.values(), *self._wired_idle()]
        instants = [signal.next_ms(now_ms) for signal in shown]
        if buzzes:
            instants.append(self._buzz_until_ms)
        self._due_ms = min((instant for instant in instants if instant is not None), default=None)
