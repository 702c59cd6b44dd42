"""What the demo's site file shows behind a `#`: whoever uncomments it has a site that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.commands.provisioning import initialise
from gateway.hardware.boards.profiles import check_site, load_profile
from gateway.settings import parse_site
from tests.demo_site import DEMO

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Start

LINES = DEMO.splitlines()
EXAMPLE = re.compile(r"# (\[\[?[a-z_.]+\]\]?|[a-z0-9_]+ = )")


def examples() -> list[range]:
    """The lines of each example: a table with its keys, or keys of a table that is there."""
    found: list[range] = []
    for at, line in enumerate(LINES):
        if EXAMPLE.match(line) is None:
            continue
        if found and found[-1].stop == at and not line.startswith("# [["):
            found[-1] = range(found[-1].start, at + 1)
        else:
            found.append(range(at, at + 1))
    return found


def uncommented(*chosen: range) -> str:
    """The demo's site file with those examples in force, their ports on the simulated board."""
    lines = list(LINES)
    for at in (at for example in chosen for at in example):
        lines[at] = lines[at].removeprefix("# ").replace("/dev/serial/by-id/...", "simulated")
    return "\n".join(lines)


@pytest.mark.parametrize("example", examples(), ids=lambda lines: LINES[lines[0]].split()[1])
def test_each_example_can_be_uncommented_where_it_stands(example: range) -> None:
    check_site(load_profile("simulated"), parse_site(uncommented(example), "demo"))


def test_with_all_examples_at_once_every_reader_and_module_is_there(
    tmp_path: Path, start: Start
) -> None:
    text = uncommented(*examples())
    initialise(tmp_path / "data", text, demo=True)
    with start(tmp_path / "data") as bench:
        kinds = {reader.kind for reader in parse_site(text, "demo").reader}
        assert kinds == {"wiegand", "serial_qr", "serial_card", "serial_uhf", "hid", "pcsc", "osdp"}
        # An OSDP reader waits for a person to pair it.
        bench.wait_until(
            lambda: all(
                each.online or "not paired" in each.why
                for each in bench.controller.status().devices
            )
        )
        told = {each.name: each.health for each in bench.controller.status().devices}
        assert {name for name, health in told.items() if health != "online"} == {"side"}
        for way in ("front", "hall", "yard", "desk", "nfc", "gate"):
            assert way in told
