"""What a device asks of its SD card: size, first start, memory after a day, writes.

The data lie in a file system of their own (ext4 on a loop device), whose block device counts every
sector and every flush, the file system's journal included. Where that cannot be had (it needs
root), the kernel's count of both processes stands in, which knows neither.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.link.client import ControllerClient
from gateway.link.messages import Simulate
from gateway.link.runtime import RuntimeDirectory

from .boot import first_start_s, wait_ready
from .figures import Expectations, say
from .processes import children_of, gateway_process, memory_of
from .sites import DOORS, Site, build, card_of, reader_of
from .swipes import AIMS_MB

DAY_SWIPES = 1_000
PEOPLE = 1_000
SETTLE_S = 20.0
IDLE_S = 180.0
VISITS = 100
"""That are watched one by one: swipe, door open, door closed."""
VISIT_S = 0.9
HURRIED_S = 0.02
"""Pace of the day's other swipes, which are watched for memory alone."""
PATIENCE_S = 10.0
IMAGE_MB = 512

# A good card, and what small synced writes cost it: assumptions, from data sheets of cards for
# recorders (3D TLC, 1,000 cycles and more) and from how such cards work inside.
CARD_GB = 32
CYCLES = 1_000
FLASH_PAGE = 16_384
"""Bytes that are programmed at once. A flush cannot wait for more: it programs what it has, and the
page of the mapping that tells where."""
COLLECTION = 3.0
"""Each programmed byte is moved this often until its block is erased, with itself."""
LEAST_YEARS = 10.0

_SECTOR = 512
_UNPRIVILEGED = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""A device's services are not root, for whom SQLite renews the owner of a database's files whenever
a connection is opened: an inode to be written every few seconds."""


@dataclass(frozen=True, slots=True)
class Written:
    """What went to the card."""

    bytes: int
    flushes: int
    """Zero where nobody counts them."""

    def __sub__(self, before: Written) -> Written:
        return Written(self.bytes - before.bytes, self.flushes - before.flushes)

    def times(self, factor: float) -> Written:
        return Written(round(self.bytes * factor), round(self.flushes * factor))

    @property
    def programmed(self) -> float:
        """Bytes that the card's flash programs for it."""
        return max(self.bytes, self.flushes * FLASH_PAGE) * COLLECTION + (
            self.flushes * FLASH_PAGE * COLLECTION
        )

    def __str__(self) -> str:
        return f"{self.bytes / 1e6:.2f} MB in {self.flushes:,} flushes"


class LoopDevice:
    """A file system of its own."""

    def __init__(self, name: str, path: Path) -> None:
        self._stat = Path("/sys/block") / name / "stat"
        self._path = path

    def written(self, _: Sequence[int]) -> Written:
        subprocess.run(["sync", "-f", str(self._path)], check=True)
        fields = [int(it) for it in self._stat.read_text(encoding="ascii").split()]
        return Written(fields[6] * _SECTOR, fields[15])


class ProcessCount:
    """Stands in for it: what the kernel notes of the processes."""

    def written(self, pids: Sequence[int]) -> Written:
        total = 0
        for pid in pids:
            for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines():
                name, _, value = line.partition(": ")
                total += {"write_bytes": 1, "cancelled_write_bytes": -1}.get(name, 0) * int(value)
        return Written(total, 0)


def measure(directory: Path, expected: Expectations) -> None:
    """Print all of it."""
    say()
    say("What a device asks of its card")
    _sizes()
    initialised_s, ready_s = first_start_s(directory / "first")
    say(f"  first start: init {initialised_s:.1f} s, then ready after {ready_s:.1f} s")
    with _card(directory) as (path, counter), ExitStack() as stack:
        site = build(path / "data", PEOPLE)
        process = stack.enter_context(gateway_process(site, _UNPRIVILEGED))
        wait_ready(process)
        pids = children_of(process.pid)
        client = _client(site)
        stack.callback(client.close)
        time.sleep(SETTLE_S)
        first = [memory_of(pid) for pid in pids]
        begin = counter.written(pids)
        time.sleep(IDLE_S)
        at_rest = counter.written(pids)
        for number in range(VISITS):
            _visit(client, number)
            time.sleep(VISIT_S)
        time.sleep(SETTLE_S)
        visited = counter.written(pids)
        for number in range(DAY_SWIPES - VISITS):
            _swipe(client, number)
            time.sleep(HURRIED_S)
        time.sleep(SETTLE_S)
        memory = [memory_of(pid) for pid in pids]
    hour = (at_rest - begin).times(3_600 / IDLE_S)
    rest = hour.times((VISITS * VISIT_S + SETTLE_S) / 3_600)
    visit = (visited - at_rest - rest).times(1 / VISITS)
    swipes = (visited - at_rest - rest).times(DAY_SWIPES / VISITS)
    idle = hour.times(24)
    day = Written(idle.bytes + swipes.bytes, idle.flushes + swipes.flushes)
    names = ("controller", "api")
    for name, before, found, aim in zip(names, first, memory, AIMS_MB, strict=True):
        say(f"  memory of the {name}: {before} at first, {found} after {DAY_SWIPES:,} swipes")
        expected.below(f"memory of the {name} after {DAY_SWIPES:,} swipes", found.rss, aim, " MB")
    say(f"  writes, idle: {hour} an hour")
    say(f"  writes, a visit (swipe, door open, door closed): {visit}")
    say(f"  writes, a day of {DAY_SWIPES:,} visits: {day}")
    _years(day, expected)


def _years(day: Written, expected: Expectations) -> None:
    if not day.flushes:
        say("  flushes were not counted (this needs root and a loop device): no years of a card")
        return
    life = CARD_GB * 1e9 * CYCLES
    say(
        f"  assumed: {CARD_GB} GB of {CYCLES:,} cycles; a flush programs pages of {FLASH_PAGE:,} "
        f"bytes and one of the mapping; {COLLECTION:g} times that until a block is erased"
    )
    factor = day.programmed / day.bytes
    say(f"  {DAY_SWIPES:,} visits a day: the card programs {factor:.1f} times what is written")
    expected.least("years of such a card", life / day.programmed / 365, LEAST_YEARS, "")


def _sizes() -> None:
    packages = sorted(Path("../dist").glob("gateway_*.deb"))
    for package in packages:
        words = ["dpkg-deb", "--field", str(package), "Installed-Size"]
        installed = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        size = package.stat().st_size / 1e6
        say(f"  {package.name}: {size:.1f} MB, installed {installed * 1024 / 1e6:.0f} MB")
    if not packages:
        say("  install size: no package in dist (make deb)")


@contextmanager
def _card(directory: Path) -> Iterator[tuple[Path, LoopDevice | ProcessCount]]:
    """A directory, and who counts what is written there."""
    image, path = directory / "card.img", directory / "card"
    path.mkdir()
    with ExitStack() as stack:
        counter: LoopDevice | ProcessCount = ProcessCount()
        try:
            with image.open("wb") as file:
                file.truncate(IMAGE_MB << 20)
            _quiet("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
            device = _quiet("losetup", "--find", "--show", str(image)).strip()
            stack.callback(_quiet, "losetup", "--detach", device)
            _quiet("mount", "-o", "noatime", device, str(path))
            stack.callback(_quiet, "umount", str(path))
            counter = LoopDevice(Path(device).name, path)
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"  the kernel's count of the processes stands in for a card's: {error}")
        yield path, counter


def _quiet(*words: str) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def _client(site: Site) -> ControllerClient:
    return ControllerClient(RuntimeDirectory.create(site.data))


def _visit(client: ControllerClient, number: int) -> None:
    door = f"door-{DOORS[number % len(DOORS)]}"
    _swipe(client, number)
    for state in ("open", "closed"):
        client.ask(Simulate(verb="door", door=door, value=state), PATIENCE_S)


def _swipe(client: ControllerClient, number: int) -> None:
    card, reader = card_of(number % PEOPLE), reader_of(DOORS[number % len(DOORS)])
    client.ask(Simulate(verb="swipe", reader=reader, value=str(card)), PATIENCE_S)
