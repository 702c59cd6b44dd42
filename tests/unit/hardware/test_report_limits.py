"""How many bad frames reach a journal, whatever the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.credentials.values import BadFrame
from gateway.hardware.report_limits import AT_ONCE, EVERY_NS, LONGEST, BadFrameLimiter

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

MS = 1_000_000
DAY_NS = 86_400 * 1_000 * MS


def told(frames: BadFrameLimiter, at_ns: int, reader: str = "code") -> BadFrame | None:
    return frames.limit(BadFrame(reader, "0F", "noise", at_ns))


def test_attempts_of_a_person_are_all_told_as_they_come() -> None:
    frames = BadFrameLimiter()
    found = [told(frames, second * 1_000 * MS) for second in range(AT_ONCE)]
    assert [frame.why for frame in found if frame] == ["noise"] * AT_ONCE


def test_a_day_of_noise_is_a_few_rows_that_count_the_rest() -> None:
    frames, step_ns = BadFrameLimiter(), 100 * MS
    came = DAY_NS // step_ns
    found = [frame for turn in range(came) if (frame := told(frames, turn * step_ns))]
    assert len(found) <= DAY_NS // EVERY_NS + AT_ONCE
    counted = [int(frame.why.split()[2]) for frame in found if "more before" in frame.why]
    assert len(found) + sum(counted) > came - EVERY_NS // step_ns


def test_after_a_silence_attempts_are_told_as_they_come_again() -> None:
    frames = BadFrameLimiter()
    for turn in range(100):
        told(frames, turn * MS)
    later_ns = (AT_ONCE + 1) * EVERY_NS
    again = [told(frames, later_ns + turn * MS) for turn in range(AT_ONCE + 1)]
    assert [frame is not None for frame in again] == [True] * AT_ONCE + [False]


def test_one_reader_does_not_keep_another_from_being_told() -> None:
    frames = BadFrameLimiter()
    for turn in range(100):
        told(frames, turn * MS)
    assert told(frames, 100 * MS, "other") is not None


def test_of_a_long_frame_the_beginning_is_told() -> None:
    frame = BadFrameLimiter().limit(BadFrame("code", "0" * (LONGEST + 1), "noise", 0))
    assert frame is not None
    assert frame.bits == "0" * LONGEST


def test_every_reader_of_a_site_is_held_to_it(bench: Bench) -> None:
    bench.start()
    for _ in range(AT_ONCE + 5):
        bench.sim.frame("card", "1" * 13)
        bench.sim.qr("code", "\x01")
        bench.run(ms=200)
        # What the port's thread carries comes when it comes.
        bench.wait_for(lambda: "code" in {reader for reader, _ in bench.refused})
    readers = [reader for reader, _ in bench.refused]
    assert readers.count("card") == AT_ONCE
    assert 0 < readers.count("code") <= AT_ONCE
