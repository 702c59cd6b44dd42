"""Readers on serial ports from the bytes on a real pseudo-terminal to the row and the relay."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from gateway.credentials.totp import DynamicCode, TotpSettings, otp

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Row, Running

SITE = """
[site]
name = "Serial"
timezone = "UTC"
board = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
strike = { pin = 17, locked = "low", unlocked = "high" }

[[reader]]
name = "wires"
index = 1
kind = "wiegand"
portal = 1
d0 = 5
d1 = 6

[[reader]]
name = "rdm"
index = 2
kind = "serial_card"
protocol = "rdm6300"
portal = 1
port = "simulated"

[[reader]]
name = "id12"
index = 3
kind = "serial_card"
protocol = "id12"
number = "plain"
portal = 1
port = "simulated"

[[reader]]
name = "lane"
index = 4
kind = "serial_uhf"
protocol = "uhfreader18"
portal = 1
port = "simulated"

[[reader]]
name = "ramp"
index = 5
kind = "serial_uhf"
protocol = "r200"
portal = 1
port = "simulated"

[[reader]]
name = "codes"
index = 6
kind = "serial_qr"
prefix = "Q:"
portal = 1
port = "simulated"
"""
TAG = "E2003412DC03011A7B00B26E"
CODES = ("rdm", "id12", "lane", "ramp", "codes")
CRD, UHF, QRC = (int.from_bytes(tag.encode() + b"\0", "big") for tag in ("crd", "uhf", "qrc"))


@pytest.fixture(scope="module")
def site(make: Maker, eventually: Callable[..., Any]) -> Iterator[Running]:
    with make.run(make.site(SITE)) as running:
        eventually(lambda: all(d.online for d in running.status().devices), "online readers")
        running.api.configure("general", relay1_timeout=100)
        running.api.configure("uhf", read_interval=100)
        yield running


def person(running: Running, name: str, credential: str, **row: object) -> int:
    """Somebody of group 1, which rule 1 lets in, with one credential."""
    [user] = running.api.create("users", {"name": name, "registration": ""})
    running.api.create("user_groups", {"user_id": user, "group_id": 1})
    running.api.create(credential, {"user_id": user, **row})
    return user


def shown(running: Running, reader: str, verb: str, value: str) -> Row:
    words = {"hold": "1"} if verb == "tag" else {}
    return running.access(lambda: running.sim(verb, reader=reader, value=value, **words))


def test_a_card_enrolled_at_a_wiegand_reader_is_known_at_a_serial_one(site: Running) -> None:
    user = person(site, "Wire", "cards", value=123 << 32 | 45678)
    assert shown(site, "wires", "swipe", "123,45678")["user_id"] == user
    site.wait_locked()
    edges = site.board.edges(17)
    row = shown(site, "rdm", "swipe", "123,45678")
    assert (row["event"], row["user_id"], row["identifier_id"]) == (7, user, CRD + 1)
    assert row["card_value"] == 123 << 32 | 45678
    assert site.board.edges(17) > edges


def test_a_card_with_a_plain_number_is_the_number_printed_on_it(site: Running) -> None:
    user = person(site, "Plain", "cards", value=45131261)
    row = shown(site, "id12", "swipe", "45131261")
    assert (row["event"], row["user_id"], row["identifier_id"]) == (7, user, CRD + 2)


def read_anew(running: Running, **uhf: str) -> None:
    """Change how tags are read while none is in a field and none is on its way from a reader."""
    for reader in ("lane", "ramp"):
        running.sim("tag", reader=reader, value="", hold="0.05")
    running.api.configure("uhf", operation_mode="inhibit", **uhf)
    running.api.configure("uhf", operation_mode="continuous")


@pytest.mark.parametrize(("reader", "index"), [("lane", 3), ("ramp", 4)])
@pytest.mark.parametrize(
    ("bits", "value"),
    [("26", 0xB26E), ("32", 0x7B00B26E), ("34", 0x7B00 << 32 | 0xB26E), ("66", None), ("96", TAG)],
)
def test_a_tag_is_a_card_or_a_tag_as_the_configuration_says(
    site: Running, reader: str, index: int, bits: str, value: int | str | None
) -> None:
    read_anew(site, identification_bits=bits)
    value = int(TAG[-16:], 16) if value is None else value
    table = "uhf_tags" if bits == "96" else "cards"
    if not site.api.load(table, where={table: {"value": value}}):
        person(site, f"Tag {bits}", table, value=value)
    [row] = site.api.load(table, where={table: {"value": value}})
    # One tag is one identification for as long as it is seen: a stranger's goes first.
    assert shown(site, reader, "tag", "00AA")["event"] == 3
    access = shown(site, reader, "tag", TAG.lower())
    assert (access["event"], access["user_id"]) == (7, row["user_id"])
    assert access["identifier_id"] == UHF + index
    assert access["card_value"] == (0 if bits == "96" else value)


def test_a_tag_whose_last_byte_comes_first_is_turned_round(site: Running) -> None:
    read_anew(site, identification_bits="96", reader_type="lsb")
    user = person(site, "Turned", "uhf_tags", value="0102030405060708090A0B0C")
    row = shown(site, "ramp", "tag", "0C0B0A090807060504030201")
    read_anew(site, reader_type="default")
    assert (row["event"], row["user_id"]) == (7, user)


def test_an_inhibited_reader_lets_nobody_in_until_it_reads_again(
    site: Running, eventually: Callable[..., Any]
) -> None:
    read_anew(site, identification_bits="96")
    site.api.configure("uhf", operation_mode="inhibit")
    user = person(site, "Waits", "uhf_tags", value="BEEF0001")
    before = site.api.last_id("access_logs")
    site.sim("tag", reader="ramp", value="BEEF0001", hold="60")
    # What another reader reads afterwards is there, and nothing of this one.
    assert shown(site, "rdm", "swipe", "7,7")["event"] == 3
    assert len(site.api.since("access_logs", before)) == 1
    site.api.configure("uhf", operation_mode="continuous")
    rows = eventually(lambda: site.api.since("access_logs", before)[1:], "the tag's row")
    read_anew(site)
    assert (rows[0]["event"], rows[0]["user_id"]) == (7, user)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("read_interval", "99"),
        ("read_interval_diff_tags", "30001"),
        ("transmit_power", "3000"),
        ("operation_mode", "sometimes"),
        ("reader_type", "msb"),
    ],
)
def test_a_setting_that_no_reader_takes_is_refused(site: Running, key: str, value: str) -> None:
    status, answer = site.api.post("set_configuration", {"uhf": {key: value}})
    assert status == 400
    assert key in str(answer)


def test_the_transmit_power_may_be_given_and_taken_back(site: Running) -> None:
    for power in ("2000", ""):
        site.api.configure("uhf", transmit_power=power)
        kept = site.api.ask("get_configuration", {"uhf": ["transmit_power"]})
        assert kept == {"uhf": {"transmit_power": power}}
    assert all(device.online for device in site.status().devices)


def test_an_alphanumeric_code_is_looked_up_as_it_stands(site: Running) -> None:
    site.api.configure("face_id", qrcode_legacy_mode_enabled="0")
    user = person(site, "Text", "qrcodes", value="Ab-12")
    row = shown(site, "codes", "qr", "Ab-12")
    assert (row["event"], row["user_id"], row["qrcode_value"]) == (7, user, "Ab-12")
    assert row["identifier_id"] == QRC + 5
    assert shown(site, "codes", "qr", "AB-12")["event"] == 3


@pytest.mark.parametrize(("mode", "text", "other"), [("1", "770077", "BBFFD"), ("2", "bbffe", "z")])
def test_a_code_that_is_a_number_is_a_card(site: Running, mode: str, text: str, other: str) -> None:
    site.api.configure("face_id", qrcode_legacy_mode_enabled=mode)
    value = int(text, 10 if mode == "1" else 16)
    user = person(site, f"Mode {mode}", "cards", value=value)
    row = shown(site, "codes", "qr", text)
    assert (row["event"], row["user_id"], row["card_value"]) == (7, user, value)
    assert shown(site, "codes", "qr", other)["event"] == 3


def test_a_code_that_changes_with_the_time_lets_in_once(site: Running) -> None:
    site.api.configure("face_id", qrcode_legacy_mode_enabled="1", totp_enabled="1")
    key = b"twenty bytes of key."
    secret = base64.b32encode(key).decode()
    user = person(site, "Phone", "cards", value=5_000_001, secret=secret)
    step = TotpSettings().step(int(time.time()))
    codes = [str(DynamicCode(otp(key, step + ahead), 5_000_001).number) for ahead in (0, 1, 9)]
    first = shown(site, "codes", "qr", codes[0])
    assert (first["event"], first["user_id"], first["card_value"]) == (7, user, 5_000_001)
    # Another code each time, since the same one twice within two seconds is one read.
    assert shown(site, "codes", "qr", codes[2])["event"] == 3
    assert shown(site, "codes", "qr", codes[0])["event"] == 3
    site.api.configure("face_id", totp_single_use="1")
    assert shown(site, "codes", "qr", codes[1])["event"] == 7
    site.api.configure("face_id", totp_single_use="0", totp_enabled="0")


@pytest.mark.parametrize("reader", CODES)
def test_every_reader_comes_back_from_its_plug_being_pulled(
    site: Running, eventually: Callable[..., Any], reader: str
) -> None:
    def online() -> bool:
        return next(d.online for d in site.status().devices if d.name == reader)

    site.sim("unplug", reader=reader)
    eventually(lambda: not online(), "an offline reader")
    site.sim("plug", reader=reader)
    eventually(online, "an online reader")


def test_the_hand_at_the_board_holds_a_tag_from_the_command_line(site: Running) -> None:
    read_anew(site, identification_bits="96")
    row = site.access(lambda: site.site.sim("tag", "--reader", "lane", "--hold", "1", "C0FFEE00"))
    assert (row["event"], row["user_id"]) == (3, 0)
