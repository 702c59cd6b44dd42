"""What the forms of the first start make of a site file's tables."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.settings import Input, OsdpReader, parse_site
from gateway.settings.compose import composed
from gateway.settings.toml_text import parse
from gateway.web.setup_forms import (
    next_door,
    reader_kinds,
    reader_of,
    with_board,
    with_door,
    without_door,
)
from gateway.web.views.setup import KEY_WORDS, READER_WORDS
from tests.demo_site import DEMO

TABLES: dict[str, Any] = parse(DEMO, "demo")
BOARD = {"name": " Depot ", "timezone": "Europe/Berlin", "board": "simulated"}
DOOR = {
    "title": "Saída nº 1",
    "kind": "magnet",
    "output": "pin:17",
    "egress": "direct_cut",
    "sensor": "27",
    "rex": "",
    "reader": "wiegand",
    "wiegand.d0": "5",
    "wiegand.d1": "6",
}
QR = {"reader": "serial_qr", "serial_qr.port": "simulated"}


def test_every_kind_of_reader_has_words_and_a_form() -> None:
    kinds = reader_kinds()
    assert set(READER_WORDS) == set(kinds)
    assert {key.name for keys in kinds.values() for key in keys} == set(KEY_WORDS)
    for kind, keys in kinds.items():
        given = {
            f"{kind}.{key.name}": str(number)
            if key.pin
            else key.default or next(iter(key.choices), "simulated")
            for number, key in enumerate(keys, 5)
        }
        tables = with_door(
            with_board({}, BOARD, ["generic-relay-high"]), 1, {**DOOR, **given, "reader": kind}
        )
        (reader,) = parse_site(composed(tables), "new").reader
        assert reader.kind == kind


def test_another_kind_of_reader_keeps_name_and_index_alone() -> None:
    tables = with_door(TABLES, 1, {**DOOR, **QR})
    before, after = reader_of(TABLES, 1), reader_of(tables, 1)
    assert before
    assert after == {
        **{key: before[key] for key in ("name", "index", "portal")},
        "title": DOOR["title"],
        "kind": "serial_qr",
        "port": "simulated",
    }
    assert reader_of(with_door(tables, 1, {**DOOR, "reader": ""}), 1) is None


def test_an_input_of_a_reader_stays_until_a_pin_takes_its_place() -> None:
    at_reader = {"reader": "hall", "input": 0}
    doors = [{**TABLES["door"][0], "sensor": at_reader, "rex": {**at_reader, "mode": "shunt"}}]
    tables = with_door({**TABLES, "door": doors}, 1, {**DOOR, "sensor": "", "rex": "22"})
    assert tables["door"][0]["sensor"] == at_reader
    assert tables["door"][0]["rex"] == {"pull": "up", "mode": "shunt", "pin": 22}


def test_a_new_site_has_what_the_forms_say() -> None:
    tables = with_board({}, BOARD, ["generic-relay-high"])
    tables = with_door(tables, 1, DOOR)
    site = parse_site(composed(tables), "new")
    (door,), (reader,) = site.door, site.reader
    assert (site.site.name, door.name, door.title) == ("Depot", "saida-no-1", "Saída nº 1")
    assert door.strike.energised_to_lock
    assert isinstance(door.sensor, Input)
    assert (door.sensor.pin, door.rex) == (27, None)
    assert (reader.name, reader.index, reader.portal) == ("saida-no-1", 1, 1)


def test_what_the_form_does_not_know_stays() -> None:
    tables = with_door(TABLES, 1, {**DOOR, "kind": "strike", "rex": "22"})
    assert tables["zone"] == TABLES["zone"]
    assert tables["reader"][1] == TABLES["reader"][1]
    assert tables["door"][0]["rex"] == TABLES["door"][0]["rex"]
    assert tables["door"][0]["name"] == "front"
    kept = with_door(TABLES, 2, {**DOOR, **QR, "output": "pin:18", "sensor": "23"})
    assert reader_of(kept, 2) == {**(reader_of(TABLES, 2) or {}), "title": DOOR["title"]}


def test_a_door_is_removed_with_its_reader() -> None:
    tables = without_door(TABLES, 1)
    assert [door["id"] for door in tables["door"]] == [2]
    assert [reader["name"] for reader in tables["reader"]] == ["qr"]
    assert next_door(tables) == 1
    assert "door" not in without_door(tables, 2)


def test_two_doors_of_one_title_get_names_of_their_own() -> None:
    tables = with_door(with_door({}, 1, DOOR), 2, {**DOOR, "output": "relay:CH2"})
    assert [door["name"] for door in tables["door"]] == ["saida-no-1", "door2"]
    assert tables["door"][1]["lock"] == {"relay": "CH2", "kind": "magnet"}
    assert [reader["index"] for reader in tables["reader"]] == [1, 2]
    assert next_door({"door": [{"id": number} for number in range(1, 5)]}) is None


def test_two_readers_of_a_bus_get_addresses_of_their_own() -> None:
    osdp = {"reader": "osdp", "osdp.port": "simulated", "osdp.baud": "115200"}
    tables = with_board({}, BOARD, ["generic-relay-high"])
    for number, pin in ((1, 17), (2, 18)):
        wired = {"sensor": "", "output": f"pin:{pin}", "osdp.address": str(number - 1)}
        tables = with_door(tables, number, {**DOOR, **osdp, **wired})
    readers = parse_site(composed(tables), "new").reader
    assert [it.address for it in readers if isinstance(it, OsdpReader)] == [0, 1]
    assert {it.baud for it in readers if isinstance(it, OsdpReader)} == {115_200}


def test_a_pin_that_is_no_number_is_refused() -> None:
    osdp = {"reader": "osdp", "osdp.port": "simulated"}
    for wrong in ({"sensor": "x"}, {"wiegand.d0": "x"}, {**osdp, "osdp.address": "x"}):
        with pytest.raises(ValueError, match="x"):
            with_door({}, 1, {**DOOR, **wrong})
