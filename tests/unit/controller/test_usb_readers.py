"""Readers that type and contactless readers, from the device to the log and to an enrolment."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.commands.provisioning import initialise
from gateway.errors import DeviceUnavailable, InvalidRequest, NotFound
from gateway.link.client import ControllerClient
from gateway.link.messages import Capture, Simulate
from gateway.link.runtime import RuntimeDirectory
from gateway.store.journal import EntryKind
from tests.demo_site import DEMO

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, ANAS_CODE, ANAS_CARD = 1, "DEMO-ANA", "123,45678"
ANAS_SERIAL = "0000007B0000B26E"
"""Her card's 64 bits, as a contactless card with a serial number of 8 bytes would give them."""
GRANT, DENIAL, UNKNOWN = 7, 6, 3
PATIENCE_S = 30.0

READERS = """
[[reader]]
name = "desk"
index = 3
kind = "hid"
portal = 2
device = "simulated"
prefix = "<"

[[reader]]
name = "wedge"
index = 4
kind = "hid"
portal = 2
device = "simulated"
shows = "card"

[[reader]]
name = "ten"
index = 6
kind = "hid"
portal = 2
device = "simulated"
shows = "card"
number = "w26"

[[reader]]
name = "eight"
index = 7
kind = "hid"
portal = 2
device = "simulated"
shows = "card"
number = "3+5"

[[reader]]
name = "uid"
index = 8
kind = "pcsc"
portal = 2
reader = "simulated"
number = "w26"
byte_order = "lsb"

[[reader]]
name = "nfc"
index = 5
kind = "pcsc"
portal = 2
reader = "simulated"
"""


@pytest.fixture(scope="module")
def fresh_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("usb") / "data"
    demo = DEMO
    initialise(data, demo + READERS, demo=True)
    return data


class Site:
    """A running controller, and the words of `gateway sim`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def sim(self, verb: str, reader: str, value: str | None = None) -> None:
        command = Simulate.model_validate({"verb": verb, "reader": reader, "value": value})
        self.bench.ask(command)

    def health(self, reader: str) -> str:
        devices = self.bench.controller.status().devices
        return str(next(device.health for device in devices if device.name == reader))

    def accesses(self) -> list[tuple[int, int, str]]:
        """Event, user and the tag of the reader (with its port byte), oldest first."""
        rows = [body["row"] for body in self.bench.journal(EntryKind.ACCESS)]
        return [(row["event"], row["user_id"], _tag(row["identifier_id"])) for row in rows]


def _tag(identifier: int) -> str:
    raw = identifier.to_bytes(4, "big")
    return f"{raw[:3].decode()} {raw[3]}"


@pytest.fixture
def site(fresh_site: Path, tmp_path: Path, start: Start) -> Iterator[Site]:
    data = tmp_path / "data"
    shutil.copytree(fresh_site, data)
    with start(data) as bench:
        running = Site(bench)
        running.bench.wait_until(
            lambda: all(
                running.health(name) == "online"
                for name in ("desk", "wedge", "ten", "eight", "uid", "nfc")
            )
        )
        yield running


@pytest.mark.parametrize(
    ("verb", "reader", "value"),
    [
        ("type", "ten", "0008106606"),
        ("type", "eight", "12345678"),
        ("type", "ten", ANAS_CARD),
        ("present", "uid", "6EB27B5D"),
    ],
)
def test_a_card_of_a_wiegand_door_is_known_at_a_usb_reader(
    site: Site, verb: str, reader: str, value: str
) -> None:
    site.sim(verb, reader, value)
    site.bench.wait_until(lambda: [access[:2] for access in site.accesses()] == [(GRANT, ANA)])


def test_a_typed_code_without_its_prefix_passes_its_person(site: Site) -> None:
    site.sim("type", "desk", f"<{ANAS_CODE}")
    site.bench.wait_until(lambda: site.accesses() == [(GRANT, ANA, "qrc 2")])
    assert site.bench.strike_edges(2) > 0
    assert site.bench.strike_edges(1) == 0


def test_a_typed_text_that_is_no_code_is_noted_and_no_access(site: Site) -> None:
    site.sim("type", "desk", ANAS_CODE)
    site.bench.wait_until(lambda: bool(site.bench.journal(EntryKind.BAD_FRAME)))
    assert site.accesses() == []


def test_a_typed_card_number_passes_its_person(site: Site) -> None:
    site.sim("type", "wedge", ANAS_CARD)
    site.bench.wait_until(lambda: site.accesses() == [(GRANT, ANA, "crd 3")])


def test_a_contactless_card_passes_its_person_once_while_it_lies_there(site: Site) -> None:
    site.sim("present", "nfc", ANAS_SERIAL)
    site.bench.wait_until(lambda: site.accesses() == [(GRANT, ANA, "crd 4")])
    site.bench.pass_time(10)
    assert len(site.accesses()) == 1
    site.sim("remove", "nfc")
    site.sim("present", "nfc", "04A1B2C3D4E5F6")
    site.bench.wait_until(lambda: site.accesses()[1:] == [(UNKNOWN, 0, "crd 4")])


def test_a_random_number_identifies_nobody(site: Site) -> None:
    site.sim("present", "nfc", "08A1B2C3")
    site.bench.wait_until(lambda: bool(site.bench.journal(EntryKind.BAD_FRAME)))
    (noted,) = site.bench.journal(EntryKind.BAD_FRAME)
    assert noted["reader"] == "nfc"
    assert "random identifier" in noted["why"]
    assert site.accesses() == []


@pytest.mark.parametrize("reader", ["desk", "nfc"])
def test_an_unplugged_reader_is_offline_and_works_when_it_is_back(site: Site, reader: str) -> None:
    site.sim("unplug", reader)
    site.bench.wait_until(lambda: site.health(reader) == "offline")
    verb, value = ("present", ANAS_SERIAL) if reader == "nfc" else ("type", f"<{ANAS_CODE}")
    with pytest.raises(DeviceUnavailable, match="offline"):
        site.sim(verb, reader, value)
    site.sim("plug", reader)
    site.bench.wait_until(lambda: site.health(reader) == "online")
    site.sim(verb, reader, value)
    site.bench.wait_until(lambda: [event for event, *_ in site.accesses()] == [GRANT])


@pytest.mark.parametrize(
    ("reader", "verb", "value", "kind", "captured"),
    [
        ("desk", "type", "<NEW-1", "qrcode", "NEW-1"),
        ("wedge", "type", "200,7", "card", 200 << 32 | 7),
        ("nfc", "present", "DEADBEEF", "card", 0xDEADBEEF),
    ],
)
def test_what_is_shown_during_an_enrolment_goes_to_its_asker(
    site: Site, reader: str, verb: str, value: str, kind: str, captured: int | str
) -> None:
    words = {"ticket": "one", "credential": kind, "reader": reader, "left_ms": 60_000}
    client = ControllerClient(RuntimeDirectory.create(site.bench.data))
    try:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(client.ask, Capture.model_validate(words), PATIENCE_S)
            site.bench.wait_until(lambda: site.bench.capturing)
            site.sim(verb, reader, value)
            site.bench.wait_until(answer.done)
            assert answer.result() == {"reader": reader, "value": captured}
    finally:
        client.close()
    assert site.accesses() == []


@pytest.mark.parametrize(
    ("verb", "reader", "value", "why"),
    [
        ("type", "nfc", "x", "no simulated keyboard"),
        ("type", "front", "x", "no simulated keyboard"),
        ("type", "desk", "é", "no key on a US keyboard"),
        ("type", "desk", "x" * 2954, "2953 characters at most"),
        ("present", "desk", "00", "no simulated contactless reader"),
        ("present", "nfc", "0G", "hexadecimal"),
        ("remove", "qr", None, "no simulated contactless reader"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    site: Site, verb: str, reader: str, value: str | None, why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why):
        site.sim(verb, reader, value)


@pytest.mark.parametrize("verb", ["type", "present", "remove"])
def test_an_unknown_reader_is_refused_with_those_that_are_there(site: Site, verb: str) -> None:
    with pytest.raises(NotFound, match="desk, wedge, ten, eight, uid, nfc"):
        site.sim(verb, "none", "00")
