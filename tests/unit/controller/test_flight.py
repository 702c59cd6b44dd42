"""The flight record of a whole controller: written on the simulated board, replayed on paper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.controller.flight.files import RecordFiles
from gateway.controller.replay.replay import Result, replay
from gateway.controller.state.flight import Asked
from gateway.credentials.password_hash import hash_password
from gateway.credentials.totp import DynamicCode, TotpSettings, otp
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.errors import NotFound
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import Capture, Request
from gateway.link.osdp import ChangeOsdpKey, OsdpKeyAction, ReportOsdp
from gateway.settings import SITE_FILE
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.tables.modes import write_mode

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA = 1
CARD_OF_ANA = (123 << 32) | 45678
UNKNOWN_CARD = (7 << 32) | 7
LEAF = InputName(InputKind.DOOR_SENSOR, 1)
REX = InputName(InputKind.REX, 1)


def records(data: Path) -> list[Path]:
    return sorted((data / "flight").glob("*.jsonl"))


@pytest.fixture
def recorded(demo: Path) -> Path:
    """A demo site that keeps a flight record."""
    text = (demo / SITE_FILE).read_text(encoding="utf-8")
    # Before the line at its end: the key of the store is looked up in the file too.
    text = f"[flight_record]\nenabled = true\n\n{text}"
    (demo / SITE_FILE).write_text(text, encoding="utf-8")
    return demo


@pytest.fixture
def flying(recorded: Path, start: Start) -> Iterator[Bench]:
    with start(recorded) as bench:
        yield bench


def a_busy_minute(bench: Bench) -> None:
    """Granted, entered, denied, let out, forced, keyed wrong and right, locked down, an alarm."""
    bench.swipe(CARD_OF_ANA)
    for high in (False, True):
        bench.simulator.set_input(LEAF, high=high)
        bench.pass_time(0.5)
    bench.pass_time(4)
    bench.swipe(UNKNOWN_CARD)
    bench.simulator.press(REX, high=False, hold_ms=300)
    bench.pass_time(0.5)
    bench.pass_time(5)
    bench.simulator.set_input(LEAF, high=False)
    bench.pass_time(5)
    bench.simulator.set_input(LEAF, high=True)
    bench.pass_time(1)
    bench.type_keys("9999#")
    bench.type_keys("1234#")
    bench.wait_until(lambda: bench.online("qr"))
    bench.simulator.qr("qr", "nobody's code")
    bench.pass_time(1)
    bench.configure({"general": {"exception_mode": "lock_down"}})
    bench.swipe(CARD_OF_ANA)
    bench.simulator.set_input(InputName(InputKind.TAMPER), high=False)
    bench.pass_time(1)
    bench.simulator.set_input(InputName(InputKind.FIRE), high=True)
    bench.pass_time(1)


def whole(result: Result) -> bool:
    return result.difference is None and result.broken is None


def test_a_record_of_the_board_replays_identically(flying: Bench) -> None:
    a_busy_minute(flying)
    (record,) = records(flying.data)
    result = replay(record)
    assert whole(result), result
    assert result.inputs > 30
    effects = [
        effect
        for line in record.read_text().splitlines()[1:]
        for effect in json.loads(line).get("effects", [])
    ]
    assert result.effects == len(effects)
    reasons = {effect["body"].get("reason") for effect in effects if "body" in effect}
    assert {"granted", "unknown_credential", "button", "lock_down"} <= reasons
    assert {"drive": "door 1", "to": "unlocked"} in effects


def test_what_is_done_about_keys_of_readers_is_not_in_a_record(flying: Bench) -> None:
    """It decides about no door, and a replay has no bus."""
    for command in (ReportOsdp(), ChangeOsdpKey(reader="side", action=OsdpKeyAction.PAIR)):
        with suppress(NotFound):
            flying.ask(command)
    flying.swipe(CARD_OF_ANA)
    (record,) = records(flying.data)
    assert not any(kind in record.read_text() for kind in ("report_osdp", "change_osdp_key"))
    assert whole(replay(record))


def test_without_being_asked_for_there_is_no_record(bench: Bench) -> None:
    bench.swipe(CARD_OF_ANA)
    assert not (bench.data / "flight").exists()


def test_no_pin_and_no_password_stands_in_a_record(flying: Bench) -> None:
    flying.type_keys("1234#")
    with flying.store() as store:
        store.modify(
            "users",
            {"password": hash_password("4711", "s"), "salt": "s"},
            [{"field": "id", "value": ANA}],
        )
    flying.configure({"identifier": {"pin_identification_enabled": 0}})
    flying.type_keys("1#4711#")
    flying.type_keys("5077#")
    assert flying.events() == [(7, ANA), (7, ANA)]
    (record,) = records(flying.data)
    lines = record.read_text().splitlines()
    told = [json.loads(line) for line in lines[1:]]
    keyed = [
        line["what"]["of"]["credential"]["value"]
        for line in told
        if line["what"]["is"] == "identification"
    ]
    assert len(keyed) == 4
    assert not {"1234", "1", "4711", "5077"} & set(keyed)
    for secret in ('"1234"', '"4711"', '"5077"'):
        assert secret not in record.read_text()
    assert whole(replay(record))


def test_a_record_that_begins_at_a_slowed_reader_replays_what_waits_there(flying: Bench) -> None:
    for number in range(20):
        card = Credential(CredentialKind.CARD, UNKNOWN_CARD + number)
        flying.controller.happen(Identification("front", card, flying.clock.monotonic_ns()))
        if number == 15:
            flying.begin_record()
    flying.pass_time(3)
    assert len(flying.events()) == 14
    assert whole(replay(records(flying.data)[-1]))


def test_only_the_owner_reads_a_record(flying: Bench) -> None:
    (record,) = records(flying.data)
    assert record.stat().st_mode & 0o777 == 0o600
    assert record.parent.stat().st_mode & 0o777 == 0o700


def test_each_start_begins_a_record_of_its_own(recorded: Path, start: Start) -> None:
    for _ in range(2):
        with start(recorded) as bench:
            bench.swipe(CARD_OF_ANA)
    first, second = records(recorded)
    assert whole(replay(first))
    assert whole(replay(second))


def test_what_a_restart_kept_is_in_the_next_record(recorded: Path, start: Start) -> None:
    """A keypad that is locked, a fire, and an alarm whose end was not seen."""
    with start(recorded) as bench:
        for _ in range(5):
            bench.type_keys("9#")
        bench.simulator.set_input(InputName(InputKind.FIRE), high=True)
        bench.simulator.set_input(InputName(InputKind.TAMPER), high=False)
        bench.pass_time(1)
    with start(recorded) as bench:
        bench.type_keys("1234#")
        assert bench.unlocked(1)
        bench.simulator.set_input(InputName(InputKind.TAMPER), high=True)
        bench.pass_time(1)
    assert whole(replay(records(recorded)[-1]))


def test_a_record_may_begin_while_things_go_on(flying: Bench) -> None:
    """The next file begins while a door is open for somebody and a second factor is awaited."""
    flying.configure({"identifier": {"multi_factor_authentication": 1}})
    flying.type_keys("1234#")
    flying.simulator.set_input(LEAF, high=False)
    flying.pass_time(0.1)
    flying.swipe(CARD_OF_ANA)
    flying.begin_record()
    flying.type_keys("1234#")
    flying.pass_time(40)
    flying.simulator.set_input(LEAF, high=True)
    flying.pass_time(2)
    first, second = records(flying.data)
    assert whole(replay(first))
    result = replay(second)
    assert whole(result), result
    assert result.effects > 3


def test_a_full_disk_ends_the_record_and_no_door(
    flying: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: RecordFiles, line: str) -> bool:
        raise OSError(28, f"No space left for {len(line)} bytes")

    monkeypatch.setattr(RecordFiles, "write", full)
    flying.swipe(CARD_OF_ANA)
    assert flying.unlocked(1)
    monkeypatch.undo()
    (record,) = records(flying.data)
    before = record.stat().st_size
    flying.pass_time(5)
    assert record.stat().st_size == before
    assert not flying.unlocked(1)


def test_who_enrols_at_a_reader_that_is_away_is_refused_in_the_replay_too(flying: Bench) -> None:
    (record,) = records(flying.data)
    enrol = Capture(ticket="t", credential=CredentialKind.QRCODE, left_ms=1_000)
    flying.wait_until(lambda: flying.online("qr"))
    for refused in (False, True):
        late_ns = flying.clock.monotonic_ns() + 10**9
        flying.controller.happen(Asked(b"me", Request(id="1", expires_ns=late_ns, command=enrol)))
        last = record.read_text().splitlines()[-1]
        assert ('"refused":"DeviceUnavailable"' in last) is refused
        flying.pass_time(4)
        flying.simulator.unplug("qr")
        flying.wait_until(lambda: not flying.online("qr"))
    assert whole(replay(record))


def test_what_was_enrolled_stands_in_no_record(flying: Bench) -> None:
    enrol = Capture(ticket="t", credential=CredentialKind.PIN, left_ms=30_000)
    late_ns = flying.clock.monotonic_ns() + 10**9
    flying.controller.happen(Asked(b"me", Request(id="1", expires_ns=late_ns, command=enrol)))
    flying.pass_time(1.1)  # the asker was told to ask again, and has not yet
    flying.type_keys("8642#")
    flying.begin_record()
    assert flying.events() == []
    for record in records(flying.data):
        assert '"8642"' not in record.read_text()
        assert whole(replay(record))


def test_what_cannot_be_written_down_changes_no_decision(
    flying: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise TypeError("this has no form")

    monkeypatch.setattr("gateway.controller.flight.recorder.dump_input", fail)
    flying.swipe(CARD_OF_ANA)
    assert flying.unlocked(1)
    assert flying.events() == [(7, ANA)]


def test_a_mode_that_ends_by_itself_does_so_in_every_record_of_it(flying: Bench) -> None:
    """One file begins before its end, one after it while the configuration still names it."""
    until = int(flying.clock.utc().timestamp()) + 20
    with flying.store() as store:
        write_mode(store, ModeRow(1, "lock_down", "eva", "a fight", since=0, until_utc=until))
    flying.pass_time(1.1)
    for _ in range(2):
        flying.begin_record()
        flying.swipe(CARD_OF_ANA)
        flying.pass_time(25)
    assert flying.events() == [(6, ANA), (7, ANA)]
    for record in records(flying.data):
        assert whole(replay(record))


def test_the_key_of_codes_that_change_stands_in_no_record(flying: Bench) -> None:
    """What was found with it does, and is enough."""
    key, card = "SEVEN DWARFS", 5_000_000
    with flying.store() as store:
        store.insert("cards", [{"value": card, "user_id": ANA, "secret": key}])
    flying.configure({"face_id": {"qrcode_legacy_mode_enabled": 1, "totp_enabled": 1}})
    now_s = int(flying.clock.utc().timestamp())
    code = DynamicCode(otp(key.encode(), TotpSettings().step(now_s)), card)
    for _ in range(2):
        shown = Credential(CredentialKind.QRCODE, str(code.number))
        flying.post(Identification("front", shown, flying.clock.monotonic_ns()))
        flying.pass_time(3)
    assert flying.events() == [(7, ANA), (3, 0)]
    (record,) = records(flying.data)
    assert "DWARFS" not in record.read_text()
    assert whole(replay(record))


def test_the_key_of_a_first_factor_stands_in_no_record_that_begins_after_it(flying: Bench) -> None:
    key, card = "SEVEN DWARFS", 5_000_000
    with flying.store() as store:
        store.insert("cards", [{"value": card, "user_id": ANA, "secret": key}])
    flying.configure({"identifier": {"multi_factor_authentication": 1}})
    shown = Credential(CredentialKind.CARD, card)
    flying.controller.happen(Identification("front", shown, flying.clock.monotonic_ns()))
    flying.begin_record()
    flying.type_keys("1234#")
    assert flying.events() == [(4, ANA), (7, ANA)]
    for record in records(flying.data):
        assert "DWARFS" not in record.read_text()
        assert whole(replay(record))
