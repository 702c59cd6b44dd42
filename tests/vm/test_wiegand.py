"""Wiegand frames of every format on two readers at once, on kernel lines and in virtual time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .conftest import Note
from .machine import Machine
from .services import CONTROLLER, Services

FRAMES = int(os.environ.get("GATEWAY_VM_FRAMES", "500"))
"""At each rate, half of them at each reader; `make soak-vm` sets another."""
REPORTED = "edges lost"
"""Ends the reason of a frame that lost edges, as the kernel's numbers tell."""


@pytest.fixture(scope="module")
def lines(machine: Machine, services: Services) -> Iterator[Machine]:
    """The machine while nobody holds the readers' lines."""
    machine.run("systemctl", "stop", CONTROLLER)
    yield machine
    machine.run("systemctl", "start", CONTROLLER)
    assert services.look(CONTROLLER).state == "active"


@pytest.mark.parametrize(("interval_us", "widths"), [(200, False), (2_000, False), (2_000, True)])
def test_every_frame_is_read_right_or_its_loss_is_known(
    interval_us: int, widths: bool, lines: Machine, note: Note
) -> None:
    [heard] = lines.receive(FRAMES // 2, interval_us, widths=widths)
    lost = 0
    for reader, sent in heard["sent"].items():
        got = heard["heard"][reader]
        assert len(got) == len(sent) == FRAMES // 2
        for wanted, found in zip(sent, got, strict=True):
            if found != wanted:
                assert REPORTED in str(found), f"{reader}: {wanted} sent, {found} heard"
                lost += 1
    note(
        f"{FRAMES} frames, two readers at {interval_us} us: {lost} lost and known to be; "
        f"{heard['cpu_us_per_pulse']:.0f} us of processor time for each bit, "
        f"{heard['measured']} widths of the last frames measured"
    )
    assert (heard["measured"] > 0) is widths
