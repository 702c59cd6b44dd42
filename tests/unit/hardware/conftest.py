"""A whole rig on the simulated board, with a clock that stands until a test moves it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import gpiod
import pytest

from gateway.clock import ManualClock
from gateway.credentials.values import BadFrame, Identification
from gateway.hardware.boards.profiles import BoardProfile, load_profile
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import HardwareEvent, InputLevel, InputName, Loop
from gateway.hardware.pins import edge_thread
from gateway.hardware.rig import Rig, open_rig
from gateway.hardware.simulated.board_record import BoardRecord, PinRecord, record_path
from gateway.hardware.simulated.simulator import Simulator
from gateway.settings import SiteFile
from tests.unit.hardware.gpiod_chips import LABELS, FakeChips

Event = TypeVar("Event", bound=HardwareEvent)

SITE: dict[str, Any] = {
    "site": {"name": "Bench", "timezone": "America/Sao_Paulo", "board": "simulated"},
    "door": [
        {
            "id": 1,
            "name": "strike",
            "egress": "mechanical",
            "strike": {"pin": 17, "locked": "low", "unlocked": "high"},
            "sensor": {"pin": 27, "pull": "up"},
            "rex": {"pin": 22, "pull": "up"},
        },
        {
            "id": 2,
            "name": "magnet",
            "egress": "direct_cut",
            "strike": {"pin": 18, "locked": "high", "unlocked": "low"},
            "sensor": {"pin": 23, "pull": "down"},
        },
    ],
    "reader": [
        {"name": "card", "index": 1, "portal": 1, "kind": "wiegand", "d0": 5, "d1": 6},
        {"name": "code", "index": 2, "portal": 2, "kind": "serial_qr", "port": "simulated"},
    ],
    "zone": [{"number": 1, "pin": 24, "pull": "up"}],
    "tamper": {"pin": 12, "pull": "up", "idle": "high"},
    "fire": {"pin": 16, "pull": "up", "idle": "low"},
}


class Bench:
    """One simulated board; rigs may be opened on it one after the other."""

    def __init__(self, runtime_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.profile: BoardProfile = load_profile("simulated")
        self.site = SiteFile.model_validate(SITE)
        self.events: list[HardwareEvent] = []
        self.wakes = 0
        self._woken = threading.Event()
        self._rig: Rig | None = None

    def use(self, **changes: Any) -> None:
        """Change the site: whole tables by name."""
        self.site = SiteFile.model_validate({**SITE, **changes})

    @property
    def loop(self) -> Loop:
        return Loop(self.clock, self.events.append, self._wake)

    @property
    def rig(self) -> Rig:
        assert self._rig is not None
        return self._rig

    @property
    def sim(self) -> Simulator:
        assert self.rig.simulator is not None
        return self.rig.simulator

    def open(self) -> Rig:
        """Open the site's rig and let it post what it finds; a second time: after a restart."""
        self.close()
        self._rig = open_rig(
            self.site,
            self.profile,
            self.clock,
            self.runtime_dir,
            self.runtime_dir,
            self.events.append,
            self._wake,
            backoff=Backoff(first_s=0.01, longest_s=0.05),
        )
        return self._rig

    def start(self) -> None:
        """Open the rig, wait for its serial readers, and forget what was posted so far."""
        self.open()
        self.run(ms=0)
        self.wait_for(lambda: all(device.online for device in self.rig.devices))
        self.events.clear()

    def close(self) -> None:
        if self._rig is not None:
            self._rig.close()
            self._rig = None

    def run(self, ms: float) -> None:
        """Let time pass as the controller's loop would: from one due instant to the next."""
        end_ns = self.clock.monotonic_ns() + round(ms * 1e6)
        while True:
            self.rig.service(self.clock.monotonic_ns())
            due_ns = self.rig.due_ns()
            assert due_ns is None or due_ns > self.clock.monotonic_ns(), "the loop would spin"
            if self.clock.monotonic_ns() >= end_ns:
                return
            next_ns = end_ns if due_ns is None else min(due_ns, end_ns)
            self.clock.advance((next_ns - self.clock.monotonic_ns()) / 1e9)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Service wake-ups of real threads until `condition` holds."""
        for _ in range(1000):
            self.rig.service(self.clock.monotonic_ns())
            if condition():
                return
            self._woken.wait(timeout=0.02)
            self._woken.clear()
        raise AssertionError("what was waited for did not happen in 20 s")

    def posted(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def credentials(self) -> list[tuple[str, int | str]]:
        return [(e.reader, e.credential.value) for e in self.posted(Identification)]

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(e.reader, e.why) for e in self.posted(BadFrame)]

    def levels(self, name: InputName) -> list[bool]:
        return [event.high for event in self.posted(InputLevel) if event.name == name]

    def pin(self, number: int) -> PinRecord:
        """What the board's record says of a pin, read as another process would."""
        record = BoardRecord.read(record_path(self.runtime_dir))
        try:
            return record.pin(number)
        finally:
            record.close()

    def _wake(self) -> None:
        self.wakes += 1
        self._woken.set()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    board = Bench(tmp_path)
    yield board
    board.close()


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """No test runs a thread with real-time priority; what was asked for is kept."""
    asked: list[tuple[int, int, int]] = []

    def ask(pid: int, policy: int, param: os.sched_param) -> None:
        asked.append((pid, policy, param.sched_priority))

    monkeypatch.setattr(os, "sched_setscheduler", ask)
    return asked


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The edge thread looks round often."""
    monkeypatch.setattr(edge_thread, "_ROUND_MS", 5)


@pytest.fixture
def chips(
    monkeypatch: pytest.MonkeyPatch,
    ordinary: list[tuple[int, int, int]],  # noqa: ARG001 - no priority
) -> Iterator[FakeChips]:
    """The GPIO chips of a Raspberry Pi 4."""
    board = FakeChips()
    monkeypatch.setattr(gpiod, "Chip", board.open)
    yield board
    assert all(request.released for request in board.requests), "lines were not given back"


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A directory with the device files of `chips`."""
    folder = tmp_path / "dev"
    folder.mkdir()
    for name in (*LABELS, "null"):
        (folder / name).touch()
    return folder
