"""One converter with its loops: a thread samples them, the loop learns what changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.hardware.adc.chips import AdcChip, open_chip
from gateway.hardware.adc.loops import POLL_MS, LoopSamples, sampled, samples_of
from gateway.hardware.captures import LineCapture
from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, InputLevel, InputLost, InputName, Loop
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import AdcInput, Ads1115, LoopBands, LoopReading, Mcp3208
from gateway.settings.adc import ohm_of

AdcOpener = Callable[[Mcp3208 | Ads1115], AdcChip]

_WORDS: Mapping[LoopReading, str] = {
    LoopReading.CUT: "its wires are cut",
    LoopReading.SHORTED: "its wires are shorted",
    LoopReading.FAULT: "its resistance fits neither an open nor a closed contact",
}


@dataclass(frozen=True, slots=True)
class LoopChanged:
    """A loop reads something else now."""

    name: InputName
    reading: LoopReading
    at_ns: int


class _SupervisedLine:
    """One loop. The thread writes `ohm`, the loop all else."""

    def __init__(self, adc: Mcp3208 | Ads1115, wire: AdcInput) -> None:
        self.channel = wire.channel
        self.bands = LoopBands.of(adc, wire)
        self.settled = samples_of(wire.debounce_ms)
        self.ohm: float | None = None
        self.reading: LoopReading | None = None
        self.reports = 0
        self.changed_ns: int | None = None


class AdcDriver:
    """The driver of one converter."""

    due_ns = None

    def __init__(
        self,
        settings: Mcp3208 | Ads1115,
        inputs: Mapping[InputName, AdcInput],
        loop: Loop,
        *,
        backoff: Backoff | None = None,
        opener: AdcOpener = open_chip,
    ) -> None:
        """Start the thread; nothing is posted before the first `service`."""
        self.name = settings.name
        self._settings = settings
        self._post = loop.post
        self._clock = loop.clock
        self._opener = opener
        self._lines = {name: _SupervisedLine(settings, wire) for name, wire in inputs.items()}
        self._thread: DeviceThread[LoopChanged] = DeviceThread(
            self.name, self._serve, loop, backoff=backoff
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: the database has no settings for converters."""

    def lines(self) -> Iterator[LineCapture]:
        """Yield each loop with what was measured last."""
        for name, line in self._lines.items():
            reading, ohm = line.reading, line.ohm
            yield LineCapture(
                name.kind.value,
                name.number,
                reading is LoopReading.OPEN if reading and reading.known else None,
                line.changed_ns,
                max(line.reports - 1, 0),
                max(line.reports - 1, 0),
                # JSON has no endless number.
                ohm=None if ohm is None or math.isinf(ohm) else round(ohm),
                reading="" if reading is None else reading.value,
            )

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - reports have their own stamps
        for report in self._thread.take():
            if isinstance(report, DeviceState):
                self._post(report)
                if not report.online:
                    self._silent(report)
            else:
                self._changed(report)

    def _silent(self, report: DeviceState) -> None:
        """The converter is away: nothing is known of its loops."""
        for name, line in self._lines.items():
            line.reading = line.ohm = None
            self._post(InputLost(name, f"adc {self.name!r}: {report.why}", report.at_ns))

    def _changed(self, report: LoopChanged) -> None:
        line = self._lines[report.name]
        line.reading = report.reading
        line.changed_ns = report.at_ns if line.reports else None
        line.reports += 1
        if report.reading.known:
            high = report.reading is LoopReading.OPEN
            self._post(InputLevel(report.name, high, report.at_ns))
        else:
            why, tampered = _WORDS[report.reading], report.reading.tampered
            self._post(InputLost(report.name, why, report.at_ns, tampered))

    def close(self) -> None:
        """Stop, and close the converter."""
        self._thread.close()

    # Called by the thread.

    def _serve(self, thread: DeviceThread[LoopChanged]) -> None:
        chip = self._opener(self._settings)
        try:
            states = dict.fromkeys(self._lines, LoopSamples())
            while not thread.stopping:
                for name, line in self._lines.items():
                    share = chip.share(line.channel)
                    line.ohm = ohm = ohm_of(share, self._settings.bias_ohm)
                    before = states[name]
                    states[name] = sampled(line.bands, before, ohm, line.settled)
                    reading = states[name].reading
                    if reading is not None and reading is not before.reading:
                        thread.deliver(LoopChanged(name, reading, self._clock.monotonic_ns()))
                thread.report(Health.ONLINE)
                thread.pause(POLL_MS / 1000)
        finally:
            chip.close()
