"""Relays are put right without a release that works: by its plan and the kernel's own calls."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.controller.state.relay_plan import keep_plan
from gateway.errors import DamagedFile, DeviceUnavailable
from gateway.hardware.boards.profiles import load_profile
from gateway.host.relay_plan import PLAN_FILE, PlannedLine, RelayPlan
from gateway.safe import story
from gateway.safe.relays import put_by_plan
from gateway.settings import parse_site

PLAN = RelayPlan(
    "pinctrl-bcm2711",
    "pinctrl_bcm2835",
    (PlannedLine("strike", 17, high=False), PlannedLine("magnet", 18, high=True)),
)
SITE = """
[site]
name = "Shop"
timezone = "Europe/Lisbon"
board = "{board}"

[[door]]
id = 1
name = "shop"
egress = "mechanical"
strike = {{ pin = 17, locked = "low", unlocked = "high" }}

[[door]]
id = 2
name = "store"
egress = "mechanical"
strike = {{ pin = 18, locked = "high", unlocked = "low" }}
on_fault = "unlocked"

[siren]
pin = 25
active = "low"
"""


class FakeKernel:
    """Chips under `devices`, by the places of each number in linux/gpio.h on a 64-bit machine."""

    def __init__(self, devices: Path, *labels: str) -> None:
        self._labels = {}
        self.claims: list[tuple[str, int, bool]] = []
        self.busy: set[int] = set()
        for number, label in enumerate(labels):
            path = devices / f"gpiochip{number}"
            path.touch()
            self._labels[str(path)] = label

    def __call__(self, handle: int, request: int, buffer: bytearray) -> Any:
        label = self._labels[str(Path(f"/proc/self/fd/{handle}").readlink())]
        if request == 0x8044B401:  # GPIO_GET_CHIPINFO_IOCTL
            assert len(buffer) == 68
            buffer[32 : 32 + len(label)] = label.encode()
            return
        assert request == 0xC250B407  # GPIO_V2_GET_LINE_IOCTL
        assert len(buffer) == 592
        number = self._number
        assert number(buffer, 288, 8) == 8  # config.flags: an output
        assert number(buffer, 296) == 1  # config.num_attrs
        assert number(buffer, 320) == 2  # config.attrs[0].attr.id: values of outputs
        assert number(buffer, 336, 8) == 1  # config.attrs[0].mask: of the first line
        assert number(buffer, 560) == 1  # num_lines
        offset = number(buffer, 0)
        if offset in self.busy:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.claims.append((label, offset, number(buffer, 328, 8) == 1))
        taken = os.open("/dev/null", os.O_RDONLY)
        buffer[588:592] = taken.to_bytes(4, "little")

    @staticmethod
    def _number(buffer: bytearray, at: int, size: int = 4) -> int:
        return int.from_bytes(buffer[at : at + size], "little")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / PLAN_FILE
    PLAN.write(path)
    return path


def test_each_line_is_claimed_with_its_level_on_the_chip_with_the_label(
    plan: Path, tmp_path: Path
) -> None:
    kernel = FakeKernel(tmp_path, "raspberrypi-exp-gpio", PLAN.chip)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    assert list(put_by_plan(plan, tmp_path, tmp_path, kernel)) == [("strike", ""), ("magnet", "")]
    assert kernel.claims == [(PLAN.chip, 17, False), (PLAN.chip, 18, True)]
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_a_line_that_somebody_has_keeps_no_other_from_its_level(plan: Path, tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, PLAN.chip)
    kernel.busy.add(17)
    done = dict(put_by_plan(plan, tmp_path, tmp_path, kernel))
    assert done == {"strike": "Device or resource busy", "magnet": ""}


def test_a_kernel_that_releases_outputs_is_left_alone(plan: Path, tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, PLAN.chip)
    parameters = tmp_path / PLAN.module / "parameters"
    parameters.mkdir(parents=True)
    (parameters / "persist_gpio_outputs").write_text("N\n")
    assert list(put_by_plan(plan, tmp_path, tmp_path, kernel)) == []
    assert kernel.claims == []


def test_without_the_chip_nothing_is_said_to_be_put(plan: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="pinctrl-bcm2711"):
        list(put_by_plan(plan, tmp_path, tmp_path, FakeKernel(tmp_path, "other")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"form": 1}',
        '{"form": 2, "chip": "c", "module": "m", "lines": []}',
        '{"form": 1, "chip": "c", "module": "../m", "lines": []}',
        '{"form": 1, "chip": "c", "module": "m", "lines": [{"name": "a", "offset": 1, "high": 1}]}',
        '{"form": 1, "chip": "c", "module": "m", "lines": [{"name": "a", "offset": -1}]}',
    ],
)
def test_a_plan_that_no_controller_wrote_moves_nothing(text: str, plan: Path) -> None:
    plan.write_text(text)
    with pytest.raises(DamagedFile):
        list(put_by_plan(plan))


def test_a_controller_that_came_up_leaves_the_levels_of_a_fault(tmp_path: Path) -> None:
    def keep(board: str) -> None:
        keep_plan(tmp_path, parse_site(SITE.format(board=board), "site"), load_profile(board))

    keep("pi4")
    plan = RelayPlan.read(tmp_path / PLAN_FILE)
    assert plan.chip == "pinctrl-bcm2711"
    assert [(line.name, line.offset, line.high) for line in plan.lines] == [
        ("door 'shop' strike, locked", 17, False),
        ("door 'store' strike, unlocked", 18, False),
        ("siren, off", 25, True),
    ]
    written = (tmp_path / PLAN_FILE).stat().st_ino
    keep("pi4")
    assert (tmp_path / PLAN_FILE).stat().st_ino == written  # the card is spared
    keep("simulated")
    assert not (tmp_path / PLAN_FILE).exists()


@pytest.mark.parametrize(
    ("works", "tried", "put"),
    [("gateway", 1, True), ("safe", 2, True), ("neither", 2, False)],
)
def test_the_plan_is_the_second_choice(
    works: str, tried: int, put: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def run(words: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[bytes]:
        (program,) = (Path(it).name for it in words if it.startswith("/usr/lib/gateway/bin"))
        ran.append(program)
        return subprocess.CompletedProcess(words, int(program != works))

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr(story, "_kept", lambda: True)
    assert story._relays_put() is put
    assert ran == ["gateway", "safe"][:tried]


@pytest.mark.parametrize(("text", "kept"), [("Y\n", True), ("N\n", False), (None, False)])
def test_levels_that_the_kernel_may_not_keep_are_not_said_to_be_put(
    text: str | None, kept: bool, tmp_path: Path
) -> None:
    if text is not None:
        parameters = tmp_path / "pinctrl_rp1/parameters"
        parameters.mkdir(parents=True)
        (parameters / "persist_gpio_outputs").write_text(text)
    assert story._kept(tmp_path) is kept
