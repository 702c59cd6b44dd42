"""What the controller says of the levels of its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.link.messages import Simulate

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench


def levels(bench: Bench) -> dict[tuple[str, int], bool]:
    return {(line.kind, line.number): line.high for line in bench.controller.status().levels}


def test_every_input_of_the_site_is_told(bench: Bench) -> None:
    kinds = {kind for kind, _ in levels(bench)}
    assert {"door_sensor", "rex", "zone", "tamper", "wiegand_d0", "wiegand_d1"} <= kinds
    site = bench.site
    assert {n for kind, n in levels(bench) if kind == "zone"} == {it.number for it in site.zone}
    wiegand = {reader.index for reader in site.reader if reader.kind == "wiegand"}
    for kind in ("wiegand_d0", "wiegand_d1"):
        assert {number for found, number in levels(bench) if found == kind} == wiegand
        assert all(levels(bench)[kind, number] for number in wiegand)


def test_a_level_follows_its_wire_once_it_stands(bench: Bench) -> None:
    before = levels(bench)
    for act, line in (
        (Simulate(verb="door", door="front", value="open"), ("door_sensor", 1)),
        (Simulate(verb="tamper", value="on"), ("tamper", 0)),
        (Simulate(verb="zone", zone=1, value="active"), ("zone", 1)),
    ):
        bench.ask(act)
        bench.pass_time(0.5)
        assert levels(bench)[line] is not before[line]
        before[line] = not before[line]
        assert levels(bench) == before


def test_a_data_line_that_hangs_low_is_seen(bench: Bench) -> None:
    reader = next(it for it in bench.site.reader if it.kind == "wiegand")
    factory = bench.simulator._factory
    factory.pin(reader.d0).drive_low()
    found = levels(bench)
    assert found["wiegand_d0", reader.index] is False
    assert found["wiegand_d1", reader.index] is True
