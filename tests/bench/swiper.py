"""A real controller, with a thread that posts identifications into its inbox.

`python -m bench.swiper DATA`: a request a line in, an answer a line out; it ends with its input.

The process is `gateway controller` to the letter, with two additions that are not in the path of a
swipe: the thread, and a dwell of 2 ms, so that a door has locked itself before its next swipe. The
doors take turns, so that the next one is locked even while one is late.

Identifications come from a second thread on a timetable of their own, as they do from the
threads of pins and ports. Posted by the loop's own thread between two turns they would never
meet a loop that sleeps, or one that is busy with a commit or a heartbeat, and that wait would be
left out. When the timetable's instant and the post differ, because the interpreter was held by
the loop, the difference is answered too.
"""

from __future__ import annotations

import cProfile
import io
import json
import os
import pstats
import random
import signal
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from gateway.cli.logs import log_to_stderr
from gateway.clock import SystemClock
from gateway.controller import process
from gateway.controller.assembly import assembled
from gateway.controller.core import HEARTBEAT_NS, Controller
from gateway.controller.state import config
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.policies import PolicyKeeper
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.credentials.wiegand import FORMATS, encode
from gateway.doors.door_settings import ConfiguredDoor, configured_doors
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.simulated.board_record import BoardRecord, EdgeRecord, record_path
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import LockState, SiteFile, WiegandReader

from .sites import reader_of

DWELL_MS = 2
PATIENCE_NS = 10_000_000_000
"""How long the last swipe of a round may take."""

_MS = 1_000_000
_real_slice = PolicyKeeper.slice
_real_settle = Inbox.settle
_real_turn = Controller.turn


class _Post(NamedTuple):
    """One identification."""

    door: int
    due_ns: int
    """When the timetable wanted it."""
    at_ns: int
    """When it was put into the inbox."""


class Swiper:
    """The thread that swipes, and reads from the board's record when the relay was driven."""

    def __init__(self, controller: Controller, site: SiteFile, runtime: RuntimeDirectory) -> None:
        self._inbox = controller.inbox
        self._record = BoardRecord.read(record_path(runtime.path))
        self._strikes = {door.id: door.strike for door in site.door}
        self._awake = (0, 0)
        """Time and processor time of the loop's last wake-up; zeros while they are not measured."""
        self._longest = (0, 0)
        self._slices: list[tuple[int, int]] = []
        factory = controller._components.rig._factory  # type: ignore[attr-defined]  # - the real Rig
        self._lines = {
            reader.index: (factory.pin(reader.d0), factory.pin(reader.d1))
            for reader in site.reader
            if isinstance(reader, WiegandReader)
        }

    def serve(self) -> None:
        """Answer requests until there are no more, then stop the controller."""
        for line in sys.stdin:
            asked: dict[str, Any] = json.loads(line)
            answer = getattr(self, "do_" + asked.pop("do"))(**asked)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGTERM)

    def do_swipe(self, cards: Sequence[int], pace_ms: float, seed: int) -> dict[str, Any]:
        """Swipe each card, `pace_ms` apart on average.

        Answers nanoseconds from the post to the relay (`waits`), and from the timetable's instant
        to the relay (`lates`), for every swipe that found its door locked, and from the
        timetable's instant to the post (`sleeps`).
        """
        before = self._record.edge_count
        pace = random.Random(seed)  # noqa: S311 - a timetable
        due_ns = time.monotonic_ns()
        posts: list[_Post] = []
        for card, door in zip(cards, cycle(self._strikes), strict=False):
            due_ns += round(pace_ms * _MS * pace.uniform(0.5, 1.5))
            time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
            at_ns = time.monotonic_ns()
            credential = Credential(CredentialKind.CARD, card)
            self._inbox.post(Identification(reader_of(door), credential, at_ns))
            posts.append(_Post(door, due_ns, at_ns))
        return self._paired(posts, self._edges(before, posts[-1]))

    def do_wire(
        self, cards: Sequence[int], doors: Sequence[int], interval_us: int, pace_ms: float
    ) -> dict[str, Any]:
        """Send each card's 26 bits over the lines of the readers of `doors` in turn, `interval_us`
        from bit to bit.

        Answers nanoseconds from the last bit to the relay (`waits`), how late the bits were sent
        (`sleeps`), and the processor time of a frame without that of the sender (`cpu`).
        """
        before = self._record.edge_count
        posts: list[_Post] = []
        cpu_ns = time.process_time_ns() - time.thread_time_ns()
        sleeps: list[int] = []
        due_ns = at_ns = time.monotonic_ns()
        for card, door in zip(cards, cycle(doors), strict=False):
            due_ns += round(pace_ms * _MS)
            lines = self._lines[door]
            for bit in encode(FORMATS["w26"], card >> 32, card & 0xFFFF):
                due_ns += interval_us * 1_000
                time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
                at_ns = time.monotonic_ns()
                sleeps.append(at_ns - due_ns)
                # As the library's thread reports a falling edge.
                lines[int(bit)].when_changed(at_ns / 1e9, 0)
            posts.append(_Post(door, due_ns, at_ns))
        edges = self._edges(before, posts[-1])
        cpu_ns = time.process_time_ns() - time.thread_time_ns() - cpu_ns
        paired = self._paired(posts, edges)
        return {**paired, "sleeps": sleeps, "cpu": cpu_ns // len(posts)}

    def do_slices(self) -> list[tuple[int, int]]:
        """Start and length, in nanoseconds, of every slice of compilation since the last time."""
        done, self._slices = self._slices, []
        return done

    def do_stays(self) -> tuple[int, int]:
        """The longest turn since the last time, without its wait, in nanoseconds, and the most
        processor time of one; the first call begins to measure."""
        longest, self._longest = self._longest, (0, 0)
        if self._awake != (0, 0):
            return longest

        def settled(inbox: Inbox[Any]) -> None:
            self._awake = (time.monotonic_ns(), time.thread_time_ns())
            _real_settle(inbox)

        def timed(controller: Controller, longest_ns: int = HEARTBEAT_NS) -> None:
            _real_turn(controller, longest_ns)
            stay, work = self._longest
            self._longest = (
                max(stay, time.monotonic_ns() - self._awake[0]),
                max(work, time.thread_time_ns() - self._awake[1]),
            )

        self._awake = (time.monotonic_ns(), 0)
        patch.object(Inbox, "settle", settled).start()
        patch.object(Controller, "turn", timed).start()
        return longest

    def do_watch(self) -> None:
        """Time the slices from now on."""

        def timed(keeper: PolicyKeeper) -> None:
            running = keeper.due_ns() == 0
            began_ns = time.monotonic_ns()
            _real_slice(keeper)
            if running:
                self._slices.append((began_ns, time.monotonic_ns() - began_ns))

        patch.object(PolicyKeeper, "slice", timed).start()

    def do_profile(self, cards: Sequence[int], pace_ms: float, seed: int) -> str:
        """Where the loop's thread spends its time while it is swiped at."""
        profile = cProfile.Profile()

        def profiled(controller: Controller, longest_ns: int = HEARTBEAT_NS) -> None:
            profile.enable()
            try:
                _real_turn(controller, longest_ns)
            finally:
                profile.disable()

        with patch.object(Controller, "turn", profiled):
            self._inbox.wake()
            self.do_swipe(cards, pace_ms, seed)
        text = io.StringIO()
        pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(30)
        return text.getvalue()

    def _edges(self, before: int, last: _Post) -> Sequence[EdgeRecord]:
        """All edges since `before`, once the last door has locked again."""
        strike = self._strikes[last.door]
        locked = strike.level(LockState.LOCKED)
        while True:
            edges = self._record.recent(self._record.edge_count - before)
            over = any(
                edge.pin == strike.pin and edge.high is locked and edge.stamp_ns > last.at_ns
                for edge in edges[-2 * len(self._strikes) :]
            )
            if over or time.monotonic_ns() > last.at_ns + PATIENCE_NS:
                return edges
            time.sleep(0.005)

    def _paired(self, posts: Sequence[_Post], edges: Sequence[EdgeRecord]) -> dict[str, Any]:
        """Each post with the first edge of its door after it; a door found open has none."""
        answer: dict[str, Any] = {"waits": [], "lates": [], "lost": 0}
        answer["sleeps"] = [post.at_ns - post.due_ns for post in posts]
        for door, strike in self._strikes.items():
            ours = [edge for edge in edges if edge.pin == strike.pin]
            stamps = [edge.stamp_ns for edge in ours]
            for post in posts:
                if post.door != door:
                    continue
                at = bisect_left(stamps, post.at_ns)
                if at == len(ours) or ours[at].high is strike.level(LockState.LOCKED):
                    answer["lost"] += 1
                else:
                    answer["waits"].append(stamps[at] - post.at_ns)
                    answer["lates"].append(stamps[at] - post.due_ns)
        return answer


def _short_dwell(*given: Any) -> dict[int, ConfiguredDoor]:
    """The API's shortest dwell, 100 ms, would allow ten swipes a second."""
    return {
        number: replace(door, settings=replace(door.settings, dwell_ms=DWELL_MS))
        for number, door in configured_doors(*given).items()
    }


@contextmanager
def _swiped(
    site: SiteFile,
    profile: BoardProfile,
    data: Path,
    runtime: RuntimeDirectory,
    clock: SystemClock,
    site_keeper: SiteKeeper,
) -> Iterator[Controller]:
    made = assembled(site, profile, data, runtime, clock, site_keeper=site_keeper)
    with made as controller:
        swiper = Swiper(controller, site, runtime)
        threading.Thread(target=swiper.serve, name="swiper", daemon=True).start()
        yield controller


def _end_loudly(failed: threading.ExceptHookArgs) -> None:
    """Whoever waits for an answer must not wait for a thread that has died."""
    sys.__excepthook__(failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback)
    os._exit(1)


if __name__ == "__main__":
    threading.excepthook = _end_loudly
    log_to_stderr()
    with (
        patch.object(process, "assembled", _swiped),
        patch.object(config, "configured_doors", _short_dwell),
    ):
        process.run_controller(Path(sys.argv[1]))
