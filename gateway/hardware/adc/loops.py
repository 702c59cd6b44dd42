"""What a supervised loop reads, sample by sample. Pure.

A reading stands when so many samples in a row agree on it. Disturbed wires have to last longer than
a moving contact, which passes through all resistances.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.settings import LoopBands, LoopReading

POLL_MS = 25
"""Time between two samples of a loop."""
DISTURBED_SAMPLES = 12
"""Fewest samples, 300 ms of them, of wires that are cut, shorted or out of every band."""
STRAY_SAMPLES = 40
"""After so many samples, a second of them, that neither agree nor are what stands, the loop is out
of every band: nobody may hold a reading by noise."""


@dataclass(frozen=True, slots=True)
class LoopSamples:
    """What one loop reads."""

    reading: LoopReading | None = None
    """None before the first."""
    coming: LoopReading | None = None
    """The reading of the last samples, unless it is the one that stands."""
    samples: int = 0
    """How many of the last samples agree on `coming`."""
    strays: int = 0
    """How many of the last samples were not what stands."""


def samples_of(debounce_ms: int) -> int:
    """How many samples a debounce time is."""
    return max(1, -(-debounce_ms // POLL_MS))


def sampled(bands: LoopBands, state: LoopSamples, ohm: float, settled: int) -> LoopSamples:
    """Return the state after a sample of `ohm`; a contact has moved after `settled` samples."""
    found = bands.reading(ohm, state.reading)
    if found is state.reading:
        return LoopSamples(found)
    samples = state.samples + 1 if found is state.coming else 1
    needed = settled if found.known else max(settled, DISTURBED_SAMPLES)
    if samples >= needed:
        return LoopSamples(found)
    strays = state.strays + 1
    if strays >= STRAY_SAMPLES and state.reading is not LoopReading.FAULT:
        return LoopSamples(LoopReading.FAULT)
    return LoopSamples(state.reading, found, samples, strays)
