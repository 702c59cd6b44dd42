"""Sends random Wiegand frames to both readers of the site at once, and tells what the rig made of
them.

    receive.py FRAMES WIDTHS INTERVAL_US ...

FRAMES go to each reader for each interval, of every format that the product knows in turn. WIDTHS
is 1 while somebody watches the widths of pulses, else 0. The answer is one line of JSON for each
interval. Nothing is judged here.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.clock import SystemClock
from gateway.credentials.captures import FrameCapture
from gateway.credentials.values import BadFrame, Identification
from gateway.credentials.wiegand import FORMATS, decode, encode
from gateway.hardware.boards.profiles import load_profile
from gateway.hardware.events import HardwareEvent
from gateway.hardware.rig import Rig, open_rig
from gateway.settings import SiteFile, WiegandReader, read_site

SITE = Path("/var/lib/gateway/gateway.toml")
PULL = "/run/board/sim_gpio{}/pull"
PULSE_US = 20
GAP_US = 60_000
"""Between two frames of a reader; longer than the silence that ends one."""
QUIET_S = 0.5
"""After the last pulse."""

Heard = dict[str, list[Any]]


def frames(count: int, seed: str) -> Iterator[str]:
    """Random frames of every format in turn, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    layouts = [FORMATS[name] for name in sorted(FORMATS)]
    for number in range(count):
        layout = layouts[number % len(layouts)]
        facility = chance.randrange(1, 1 << len(layout.facility)) if layout.facility else 0
        yield encode(layout, facility, chance.randrange(1, 1 << len(layout.number)))


def site_of_every_format() -> SiteFile:
    """The machine's site; its readers take every format."""
    site = read_site(SITE)
    readers = tuple(
        reader.model_copy(update={"formats": tuple(sorted(FORMATS))}) for reader in site.reader
    )
    return site.model_copy(update={"reader": readers})


class Receiver:
    """The controller's loop, as far as a rig needs it: woken, or when something is due."""

    def __init__(self, site: SiteFile, runtime: Path, *, widths: bool) -> None:
        self._widths = widths
        self.measured = 0
        """Pulses of the last frames whose width is known."""
        self._woken = threading.Event()
        self._clock = SystemClock()
        self._heard: Heard = {reader.name: [] for reader in site.reader}
        profile = load_profile(site.site.board)
        self.rig: Rig = open_rig(
            site, profile, self._clock, runtime, runtime, self._hear, self._woken.set
        )

    def listen(self, pulses: subprocess.Popen[str]) -> Heard:
        """Serve the rig until the pulses have ended and what they were has been told."""
        for heard in self._heard.values():
            heard.clear()
        quiet_ns = None
        while quiet_ns is None or self._clock.monotonic_ns() < quiet_ns:
            due_ns = self.rig.due_ns()
            wait_s = 0.1
            if due_ns is not None:
                wait_s = max(0.0, min(wait_s, (due_ns - self._clock.monotonic_ns()) / 1e9))
            self._woken.wait(wait_s)
            self._woken.clear()
            now_ns = self._clock.monotonic_ns()
            if self._widths:
                self.rig.captures.watch(now_ns)
                for reader in self._heard:
                    self.rig.captures.of(reader).watch(now_ns, keys=True, widths=True)
            self.rig.service(now_ns)
            if quiet_ns is None and pulses.poll() is not None:
                quiet_ns = self._clock.monotonic_ns() + round(QUIET_S * 1e9)
        self.measured = sum(
            width is not None
            for reader in self._heard
            for captured in self.rig.captures.of(reader).kept(keys=True)
            if isinstance(captured, FrameCapture)
            for width in captured.widths_us
        )
        return {reader: list(heard) for reader, heard in self._heard.items()}

    def _hear(self, event: HardwareEvent) -> None:
        if isinstance(event, Identification):
            self._heard[event.reader].append(event.credential.value)
        elif isinstance(event, BadFrame):
            self._heard[event.reader].append({"bits": event.bits, "why": event.why})


def one_round(receiver: Receiver, site: SiteFile, count: int, interval_us: int) -> dict[str, Any]:
    """Send `count` frames to each reader; what they say, what was heard, and what it cost."""
    layouts = [FORMATS[name] for name in sorted(FORMATS)]
    sent: dict[str, list[Any]] = {}
    lines = []
    for reader in site.reader:
        assert isinstance(reader, WiegandReader)
        bits = list(frames(count, f"{reader.name} {interval_us}"))
        sent[reader.name] = [decode(frame, layouts).value for frame in bits]
        file = Path(f"/tmp/{reader.name}.frames")  # noqa: S108 - alone in the machine
        file.write_text("".join(f"{frame}\n" for frame in bits))
        lines.append(f"{PULL.format(reader.d0)}:{PULL.format(reader.d1)}:{file}")
    before = resource.getrusage(resource.RUSAGE_SELF)
    words = ["/usr/lib/vm/pulses", str(PULSE_US), str(interval_us), str(GAP_US), *lines]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as pulses:
        heard = receiver.listen(pulses)
        assert pulses.stdout is not None
        generator = json.loads(pulses.stdout.read())
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "interval_us": interval_us,
        "sent": sent,
        "heard": heard,
        "generator": generator,
        "measured": receiver.measured,
        "cpu_us_per_pulse": cpu_s / generator["pulses"] * 1e6,
    }


def main(count: int, intervals_us: list[int], *, widths: bool) -> None:
    """One round for each interval, on one open rig."""
    site = site_of_every_format()
    with TemporaryDirectory() as runtime:
        receiver = Receiver(site, Path(runtime), widths=widths)
        try:
            for interval_us in intervals_us:
                told = one_round(receiver, site, count, interval_us)
                sys.stdout.write(json.dumps(told) + "\n")
                sys.stdout.flush()
        finally:
            receiver.rig.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(word) for word in sys.argv[3:]], widths=sys.argv[2] == "1")
