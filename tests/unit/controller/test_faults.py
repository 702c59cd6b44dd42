"""What is wrong with a part of the site is shown until it is in order, over restarts too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.cli.doctor import Finding, Grade, examine
from gateway.hardware.events import InputKind, InputName
from gateway.link.client import ControllerClient
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

BUTTON, BOND = InputName(InputKind.REX, 1), InputName(InputKind.BOND, 2)
MAINS, CASE = InputName(InputKind.MAINS_FAIL), InputName(InputKind.TAMPER)
AT_FRONT = InputName(InputKind.READER_TAMPER, 1)
FAULTY = {
    "rex front": (BUTTON, False, 61),
    "lock back": (BOND, True, 2),
    "power mains_fail": (MAINS, False, 1),
    "tamper case": (CASE, False, 1),
    "tamper front": (AT_FRONT, False, 1),
}
"""By part: the contact that tells of it, the level that does, and for how many seconds."""
JOURNALLED = ("rex front", "power mains_fail")
"""The others have alarms."""


@pytest.fixture
def site(demo: Path) -> Path:
    path = demo / SITE_FILE
    text = path.read_text(encoding="utf-8")
    text = text.replace("d1 = 6\n", 'd1 = 6\ntamper = { pin = 21, idle = "high" }\n')
    back = 'sensor = { pin = 23, pull = "up" }\n'
    text = text.replace(back, f'{back}bond = {{ pin = 4, pull = "up", idle = "low" }}\n')
    power = '[power.mains_fail]\npin = 20\nidle = "high"\n'
    path.write_text(text.replace("[fire] ", f"{power}\n[fire] "), encoding="utf-8")
    return demo


@pytest.fixture
def wired(site: Path, start: Start) -> Iterator[Bench]:
    with start(site) as bench:
        # The lock follows its command.
        bench.simulator.set_input(BOND, high=False)
        bench.pass_time(1)
        yield bench


def shown(bench: Bench) -> list[str]:
    return [f"{fault.part} {fault.name}" for fault in bench.controller.status().faults]


def journalled(bench: Bench) -> list[tuple[str, bool]]:
    """Part of each entry so far, and whether it was faulty then."""
    return [(it["part"], it["why"] is not None) for it in bench.journal(EntryKind.FAULT)]


@pytest.mark.parametrize("part", FAULTY)
def test_a_fault_is_shown_while_it_lasts(wired: Bench, part: str) -> None:
    contact, faulty, after_s = FAULTY[part]
    assert shown(wired) == []
    wired.simulator.set_input(contact, high=faulty)
    wired.pass_time(after_s)
    assert shown(wired) == [part]
    wired.simulator.set_input(contact, high=not faulty)
    wired.pass_time(1)
    assert shown(wired) == []
    expected = [(part, True), (part, False)] if part in JOURNALLED else []
    assert journalled(wired) == expected


@pytest.mark.parametrize("part", JOURNALLED)
def test_a_fault_that_outlasts_a_restart_is_one_fault(site: Path, start: Start, part: str) -> None:
    contact, faulty, after_s = FAULTY[part]
    with start(site) as bench:
        bench.simulator.set_input(contact, high=faulty)
        bench.pass_time(after_s)
    with start(site) as again:
        assert shown(again) == [part]
        again.pass_time(after_s + 1)
        assert journalled(again) == [(part, True)]
        again.simulator.set_input(contact, high=not faulty)
        again.pass_time(1)
        assert journalled(again) == [(part, True), (part, False)]


@pytest.mark.parametrize("part", JOURNALLED)
def test_a_fault_that_ended_during_a_restart_gets_its_end(
    site: Path, start: Start, part: str
) -> None:
    contact, faulty, after_s = FAULTY[part]
    with start(site) as bench:
        bench.simulator.set_input(contact, high=faulty)
        bench.pass_time(after_s)
        bench.simulator.set_input(contact, high=not faulty)
        # The controller is gone before it reads the contact again.
    with start(site) as again:
        again.pass_time(1)
        assert shown(again) == []
        assert journalled(again) == [(part, True), (part, False)]


def test_a_fault_of_a_part_that_is_gone_ends(site: Path, start: Start) -> None:
    contact, faulty, after_s = FAULTY["power mains_fail"]
    with start(site) as bench:
        bench.simulator.set_input(contact, high=faulty)
        bench.pass_time(after_s)
    text = (site / SITE_FILE).read_text(encoding="utf-8")
    gone = text.replace('[power.mains_fail]\npin = 20\nidle = "high"\n', "")
    (site / SITE_FILE).write_text(gone, encoding="utf-8")
    with start(site) as again:
        assert shown(again) == []
        assert journalled(again)[-1] == ("power mains_fail", False)


def test_a_button_that_is_down_at_start_and_stays_so_is_a_fault(site: Path, start: Start) -> None:
    with start(site) as bench:
        bench.simulator.set_input(BUTTON, high=False)
        bench.pass_time(1)
    with start(site) as again:
        again.pass_time(59)
        assert shown(again) == []
        again.pass_time(2)
        assert shown(again) == ["rex front"]
        assert not again.unlocked(1)


def test_the_doctor_names_what_is_faulty(wired: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    wired.simulator.set_input(BUTTON, high=False)
    wired.pass_time(61)
    (fault,) = wired.controller.status().faults
    monkeypatch.setattr(ControllerClient, "status", lambda _: wired.controller.status())
    assert Finding(Grade.FAIL, "rex front", fault.why) in list(examine(wired.data))
