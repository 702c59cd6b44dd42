"""Search, other addresses and speeds, and captures, over real pseudo-terminals."""

from __future__ import annotations

import re
import struct
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.clock import ManualClock
from gateway.errors import DeviceUnavailable, TooBusy
from gateway.hardware.events import DeviceState
from gateway.hardware.osdp.bus import OsdpBus
from gateway.hardware.osdp.packets import PCAP_HEAD
from gateway.hardware.osdp.reports import KeyPhase, MoveReader, PairReader, ReaderIdentity
from gateway.hardware.osdp.scan import plan
from gateway.hardware.osdp.supervision import SCANNED_NOW
from gateway.settings import OsdpReader
from tests.unit.hardware.test_osdp_bus import BACK, FRONT, KEY, Site, bits, paired, reader

SLOW: dict[str, Any] = {**FRONT, "baud": 9_600}
SLOW_TOO: dict[str, Any] = {**BACK, "baud": 9_600}
NEW: dict[str, Any] = {"name": "new", "address": 5, "baud": 115_200}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack, ManualClock(datetime(2026, 3, 1, tzinfo=UTC)))


def whys(site: Site, name: str) -> list[str]:
    return [it.why for it in site.events if isinstance(it, DeviceState) and it.device == name]


def moved(site: Site, bus: OsdpBus, name: str, address: int, baud: int) -> KeyPhase | None:
    """How the change of a reader's address and speed ends."""
    bus.order(MoveReader(name, address, baud))
    assert site.phase(name) is KeyPhase.MOVING
    assert site.wait(lambda: not bus.progress[name].running)
    return site.phase(name)


class TestSearch:
    def test_readers_of_every_speed_are_found_while_those_of_the_bus_pause_and_come_back(
        self, site: Site
    ) -> None:
        played = paired(site, SLOW, {**NEW, "key": KEY})
        bus = site.drive(reader(baud=9_600))
        assert site.wait(site.online)
        progress = bus.search(plan((9_600, 115_200), (0, 5, 9)))
        with pytest.raises(TooBusy, match="searched"):
            bus.order(PairReader("front"))
        with pytest.raises(TooBusy, match="searched"):
            bus.search(plan())
        assert site.wait(lambda: not progress.running)
        assert SCANNED_NOW in whys(site, "front")
        assert [(it.address, it.baud, it.secure) for it in progress.found] == [
            (0, 9_600, True),
            (5, 115_200, True),
        ]
        assert progress.found[0].identity == ReaderIdentity(0xCAFE, 1, 1, 1, 0x010000)
        assert (progress.done, progress.steps, progress.why) == (6, 6, "")
        assert site.wait(site.online)
        assert site.comes_back(played, 7)

    def test_two_readers_at_one_address_are_seen_and_not_read(self, site: Site) -> None:
        paired(site, FRONT, {**FRONT, "name": "twin", "serial": 9})
        bus = site.drive(reader())
        assert site.wait(lambda: bool(whys(site, "front")))
        progress = bus.search(plan((115_200,), range(3)))
        assert site.wait(lambda: not progress.running)
        assert [it.address for it in progress.found] == [0]

    def test_a_search_is_called_off_and_ends_with_the_port(self, site: Site) -> None:
        played = paired(site, FRONT)
        bus = site.drive(reader())
        with pytest.raises(DeviceUnavailable, match="not open"):
            bus.search(plan())
        assert site.wait(site.online)
        progress = bus.search(plan())
        assert site.wait(lambda: progress.done > 0)
        bus.stop_search()
        assert site.wait(lambda: not progress.running)
        assert progress.why == "it was called off"
        assert site.wait(site.online)
        progress = bus.search(plan())
        assert site.wait(lambda: progress.done > 0)
        played.order({"plugged": False})
        assert site.wait(lambda: not progress.running)
        assert "port" in progress.why

    def test_a_port_that_no_gateway_uses_is_searched_by_its_name(self, site: Site) -> None:
        site.play(FRONT, {**NEW, "address": 1})
        words = ["osdp", "scan", "--port", str(site.port), "--speed", "115200"]
        done = CliRunner().invoke(cli, [*words, "--address", "0", "--address", "1"])
        assert done.exit_code == 0, done.output
        assert done.output.count("takes secure channel; not in the site file") == 2
        tables = re.findall(r"^ {4}(.*)$", done.output, re.MULTILINE)
        found = [OsdpReader.model_validate(it) for it in tomllib.loads("\n".join(tables))["reader"]]
        assert [(it.address, it.baud, it.index) for it in found] == [
            (0, 115_200, 1),
            (1, 115_200, 2),
        ]
        nobody = CliRunner().invoke(cli, [*words, "--address", "9"])
        assert "nobody answered" in str(nobody.exception)
        away = CliRunner().invoke(cli, [*words[:3], str(site.port.with_name("none"))])
        assert "cannot be used" in str(away.exception)

    def test_all_addresses_and_speeds_are_asked_once_the_usual_ones_first(self) -> None:
        asked = plan()
        assert len(set(asked)) == len(asked) == 6 * 127
        assert {address for _baud, address in asked[:48]} == set(range(8))


class TestAddressAndSpeed:
    def test_a_reader_is_found_at_the_address_and_speed_that_it_was_given(self, site: Site) -> None:
        played = paired(site, SLOW)
        bus = site.drive(reader(baud=9_600))
        assert site.wait(site.online)
        assert moved(site, bus, "front", 7, 38_400) is KeyPhase.MOVED
        assert (bus.settings["front"].address, bus.settings["front"].baud) == (7, 38_400)
        played.order({"reader": "front", "card": bits(1, 7)})
        assert site.wait(site.has_read)
        # The adapter comes back: it is asked there.
        played.order({"plugged": False})
        assert site.wait(lambda: not site.online())
        played.order({"plugged": True})
        assert site.comes_back(played, 8)

    def test_a_reader_that_is_lost_by_it_is_tried_where_it_was_and_that_is_said(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.hardware.osdp.station._FOUND_MS", 1_500)
        paired(site, {**SLOW, "lost": True})
        bus = site.drive(reader(baud=9_600))
        assert site.wait(site.online)
        assert moved(site, bus, "front", 7, 9_600) is KeyPhase.FAILED
        why = bus.progress["front"].why
        assert "is not there; the former ones are tried again" in why
        assert "gateway osdp scan" in why
        assert site.wait(lambda: bus.settings["front"].address == 0)

    def test_a_bus_goes_to_another_speed_when_all_its_readers_have_it(self, site: Site) -> None:
        played = paired(site, SLOW, SLOW_TOO)
        bus = site.drive(reader(baud=9_600), reader("back", 2, address=1, baud=9_600))
        assert site.wait(lambda: site.online() and site.online("back"))
        assert moved(site, bus, "front", 0, 38_400) is KeyPhase.MOVED
        assert site.wait(lambda: "asked again when back of its bus" in whys(site, "front")[-1])
        assert site.online("back")
        assert site.wait(lambda: bus.counters("back")["channels"] == 2)
        assert moved(site, bus, "back", 1, 38_400) is KeyPhase.MOVED
        assert site.wait(lambda: site.online() and site.online("back"))
        assert site.comes_back(played, 7)

    def test_no_reader_without_its_channel_is_given_another_address(self, site: Site) -> None:
        site.play({"name": "front", "address": 0})
        bus = site.drive(reader())
        assert site.wait(lambda: bool(whys(site, "front")))
        assert moved(site, bus, "front", 7, 115_200) is KeyPhase.FAILED
        assert "no secure channel" in bus.progress["front"].why


def packets(content: bytes) -> list[bytes]:
    """The packets of a pcap file."""
    assert content.startswith(PCAP_HEAD)
    found, at = [], len(PCAP_HEAD)
    while at < len(content):
        _seconds, _us, size, whole = struct.unpack_from("<IIII", content, at)
        assert size == whole
        found.append(content[at + 16 : at + 16 + size])
        at += 16 + size
    return found


class TestCapture:
    def test_it_has_the_packets_of_one_reader_for_a_time_without_cards_and_keys(
        self, site: Site
    ) -> None:
        played = site.play({"name": "front", "address": 0}, {**BACK, "enforce": False})
        bus = site.drive(reader(), reader("back", 2, address=1, clear_text=True))
        assert site.wait(lambda: site.online("back") and bool(whys(site, "front")))
        other = bus.capture("back", 60)
        played.order({"reader": "back", "card": bits(1, 7)})
        played.order({"reader": "back", "keys": "1234#"})
        assert site.wait(lambda: len(site.read()) == 2)
        seen = packets(other.after(0, 1_000_000))
        assert {it[it.find(0x53) + 1] & 0x7F for it in seen} == {1}
        codes = {it[5] for it in seen if it[0] == 0x53}
        assert {0x50, 0x53} <= codes  # a card, and keys
        card = int(bits(1, 7).ljust(32, "0"), 2).to_bytes(4)
        assert not any(card in it or b"1234" in it for it in seen)

        capture = bus.capture("front", 60)
        bus.order(PairReader("front"))
        assert site.wait(lambda: site.phase() is KeyPhase.DONE and site.online())
        seen = packets(capture.after(0, 1_000_000))
        assert len(seen) == capture.packets
        challenges = [it for it in seen if it[0] == 0xFF and it[9] == 0x76]
        assert challenges
        assert all(it[10:18] == bytes(8) for it in challenges)
        key = site.keys.of("front").current
        assert key is not None
        assert key not in b"".join(seen)
        site.loop.clock.advance(61)  # type: ignore[attr-defined]
        assert capture.left_s == 0
        before = capture.packets
        site.wait(lambda: False, turns=10)
        assert capture.packets == before

    def test_it_ends_when_there_is_too_much(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.hardware.osdp.capture.MOST_BYTES", 1_000)
        paired(site, FRONT)
        bus = site.drive(reader())
        capture = bus.capture("front", 60)
        assert site.wait(lambda: capture.full)
        assert len(capture.after(0, 10_000)) <= 1_000
        assert capture.left_s == 0
        assert site.wait(site.online)
