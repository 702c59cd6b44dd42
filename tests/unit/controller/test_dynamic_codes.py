"""QR codes that change with the time, and UHF tags, from the reader to the row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.credentials.password_hash import hash_password
from gateway.credentials.totp import DynamicCode, TotpSettings, otp
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.hardware.events import InputKind, InputName
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, BRUNO = 1, 2
CARD_OF_BRUNO = (123 << 32) | 45679
SECRET = "plain text"
"""No base32, so it is the key itself."""
NUMBER, STATIC = 5_000_000, 777
OTHER_NUMBER = 6_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(
    bench: Bench, text: str, kind: CredentialKind = CredentialKind.QRCODE, reader: str = "front"
) -> None:
    """As the reader's driver posts it; nobody reads twice within two seconds."""
    bench.pass_time(3)
    at_ns = bench.clock.monotonic_ns()
    bench.post(Identification(reader, Credential(kind, text), at_ns))
    bench.settle()


def code(bench: Bench, *, ahead_s: int = 0, number: int = NUMBER, secret: str = SECRET) -> str:
    """What a phone shows, whose clock is ahead."""
    # It is read three seconds from now.
    now_s = (bench.clock.utc() - _EPOCH) // timedelta(seconds=1) + 3 + ahead_s
    step = TotpSettings().step(now_s)
    return str(DynamicCode(otp(secret.encode(), step), number).number)


def rows(bench: Bench) -> list[dict[str, Any]]:
    return [body["row"] for body in bench.journal(EntryKind.ACCESS)]


def prepare(bench: Bench, **settings: object) -> Bench:
    with bench.store() as store:
        store.insert(
            "cards",
            [
                {"value": NUMBER, "user_id": ANA, "secret": SECRET},
                {"value": STATIC, "user_id": ANA},
                {"value": OTHER_NUMBER, "user_id": BRUNO, "secret": "another"},
            ],
        )
    bench.configure({"face_id": {"qrcode_legacy_mode_enabled": 1, "totp_enabled": 1, **settings}})
    return bench


@pytest.fixture
def dynamic(bench: Bench) -> Bench:
    return prepare(bench)


@pytest.fixture
def once(bench: Bench) -> Bench:
    """Cards whose codes change let in once."""
    return prepare(bench, totp_single_use=1)


def test_the_present_code_opens_the_door_and_the_row_shows_the_card(dynamic: Bench) -> None:
    read(dynamic, code(dynamic))
    assert dynamic.events() == [(7, ANA)]
    assert dynamic.unlocked(1)
    assert rows(dynamic)[0]["card_value"] == NUMBER


@pytest.mark.parametrize(("ahead_s", "event"), [(-90, 3), (-60, 7), (60, 7), (90, 3)])
def test_codes_of_two_windows_around_count(dynamic: Bench, ahead_s: int, event: int) -> None:
    read(dynamic, code(dynamic, ahead_s=ahead_s))
    assert [found for found, _ in dynamic.events()] == [event]


def test_a_code_is_valid_once(dynamic: Bench) -> None:
    shown = code(dynamic)
    read(dynamic, shown)
    read(dynamic, shown)
    assert dynamic.events() == [(7, ANA), (3, 0)]
    read(dynamic, code(dynamic, ahead_s=30))
    assert dynamic.events()[-1] == (7, ANA)


def test_a_used_code_stays_used_over_a_restart(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        prepare(bench)
        shown = code(bench)
        read(bench, shown)
        assert bench.events() == [(7, ANA)]
    with start(demo) as bench:
        read(bench, shown)
        assert bench.events()[-1] == (3, 0)
        read(bench, code(bench, ahead_s=30))
        assert bench.events()[-1] == (7, ANA)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _: str(NUMBER),
        lambda bench: code(bench, secret="another"),
        lambda bench: code(bench, number=OTHER_NUMBER),
        lambda bench: code(bench, number=NUMBER + 1),
        lambda _: "DEMO-ANA",
    ],
    ids=["the bare card", "another key", "another card", "no card", "text"],
)
def test_any_other_code_is_not_identified(dynamic: Bench, wrong: Callable[[Any], str]) -> None:
    read(dynamic, wrong(dynamic))
    assert dynamic.events() == [(3, 0)]
    assert not dynamic.unlocked(1)


def test_a_card_without_a_secret_is_a_code_that_stays_the_same(dynamic: Bench) -> None:
    for _ in range(2):
        read(dynamic, str(STATIC))
    assert dynamic.events() == [(7, ANA)] * 2


def test_a_long_number_with_a_secret_is_no_code_that_stays_the_same(dynamic: Bench) -> None:
    long = 1 << 50
    with dynamic.store() as store:
        store.insert("cards", [{"value": long, "user_id": ANA, "secret": SECRET}])
    read(dynamic, str(long))
    assert dynamic.events() == [(3, 0)]


@pytest.mark.parametrize("setting", [{"totp_enabled": 0}, {"qrcode_legacy_mode_enabled": 2}])
def test_otherwise_a_code_is_the_number_that_it_shows(dynamic: Bench, setting: Any) -> None:
    dynamic.configure({"face_id": setting})
    shown = str(NUMBER) if "totp_enabled" in setting else f"{NUMBER:x}"
    read(dynamic, shown)
    assert dynamic.events() == [(7, ANA)]


@pytest.mark.parametrize(
    ("setting", "ahead_s"),
    [({"totp_window_num": 1}, 30), ({"totp_window_size": 7}, 0), ({"totp_tz_offset": 7_200}, 0)],
)
def test_sizes_numbers_and_offset_are_those_of_the_configuration(
    dynamic: Bench, setting: Any, ahead_s: int
) -> None:
    dynamic.configure({"face_id": setting})
    read(dynamic, code(dynamic, ahead_s=ahead_s))
    assert dynamic.events() == [(3, 0)]


def test_a_clock_that_is_not_trusted_accepts_no_code(dynamic: Bench) -> None:
    dynamic.clock.set_utc(datetime(2020, 1, 1, tzinfo=UTC))
    read(dynamic, code(dynamic))
    assert dynamic.events() == [(3, 0)]


def test_a_single_use_card_lets_in_once(once: Bench) -> None:
    read(once, code(once))
    read(once, code(once, ahead_s=30))
    assert once.events() == [(7, ANA), (3, 0)]
    once.configure({"face_id": {"totp_single_use": 0}})
    read(once, code(once, ahead_s=60))
    assert once.events()[-1] == (7, ANA)


def test_a_single_use_card_stays_used_over_a_restart(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        read(prepare(bench, totp_single_use=1), code(bench))
        assert bench.events() == [(7, ANA)]
    with start(demo) as bench:
        bench.pass_time(30)
        read(bench, code(bench, ahead_s=30))
        assert bench.events()[-1] == (3, 0)


def test_a_denial_does_not_use_a_single_use_card_up(once: Bench) -> None:
    once.configure({"general": {"exception_mode": "lock_down"}})
    read(once, code(once))
    once.configure({"general": {"exception_mode": "none"}})
    read(once, code(once, ahead_s=30))
    assert once.events() == [(6, ANA), (7, ANA)]
    assert len(once.journal(EntryKind.CARD_SPENT)) == 1


def test_a_single_use_card_is_used_up_by_the_second_factor_s_grant(once: Bench) -> None:
    once.configure({"identifier": {"multi_factor_authentication": 1}})
    read(once, code(once))
    assert once.events() == [(4, ANA)]
    assert once.journal(EntryKind.CARD_SPENT) == []
    for key in "1234#":
        once.simulator.keys("front", key)
        once.pass_time(0.2)
    assert once.events() == [(4, ANA), (7, ANA)]
    assert once.journal(EntryKind.CARD_SPENT)[0]["card_value"] == NUMBER


def ask_for_two(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("portal_rules", [{"id": 1, "name": "two", "type": 1}])
        store.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 1}])
        store.insert("portal_rule_groups", [{"portal_rule_id": 1, "group_id": 2, "quantity": 2}])
    bench.pass_time(1.1)


def test_a_single_use_card_is_used_up_when_somebody_else_completes_the_group(once: Bench) -> None:
    ask_for_two(once)
    read(once, code(once))
    once.swipe(CARD_OF_BRUNO)
    assert once.events() == [(8, ANA), (7, BRUNO)]
    assert [body["card_value"] for body in once.journal(EntryKind.CARD_SPENT)] == [NUMBER]


def test_a_single_use_card_that_let_in_elsewhere_fills_no_place(once: Bench) -> None:
    ask_for_two(once)
    read(once, code(once))
    read(once, code(once, ahead_s=30), reader="qr")
    once.swipe(CARD_OF_BRUNO)
    assert once.events() == [(8, ANA), (7, ANA), (6, ANA), (8, BRUNO)]
    assert once.journal(EntryKind.ACCESS)[2]["reason"] == "credential_revoked"


def test_nothing_of_a_secret_is_in_the_journal(once: Bench) -> None:
    read(once, code(once))
    assert SECRET not in str([once.journal(kind) for kind in EntryKind])


@pytest.mark.parametrize(
    ("bits", "tag", "event"),
    [
        ("26", "E2003412DC03011AFF7BB26E", 7),
        ("34", "E2003412DC03011A007BB26E", 7),
        ("66", "E20034120000007B0000B26E", 7),
        ("96", "e2003412dc03011a7b00b26e", 7),
        ("96", "E2003412DC03011AFF7BB26E", 3),
        ("32", "E2003412DC03011AFF7BB26E", 3),
    ],
)
def test_a_tag_is_looked_up_as_the_configuration_says(
    bench: Bench, bits: str, tag: str, event: int
) -> None:
    with bench.store() as store:
        store.insert("uhf_tags", [{"value": "E2003412DC03011A7B00B26E", "user_id": ANA}])
    bench.configure({"uhf": {"identification_bits": bits}})
    read(bench, tag, CredentialKind.UHF_TAG)
    assert [found for found, _ in bench.events()] == [event]
    assert bench.unlocked(1) == (event == 7)


@pytest.mark.parametrize("kind", ["card", "pin", "password"])
def test_a_credential_of_panic_opens_as_any_other(bench: Bench, kind: str) -> None:
    """Whoever stands behind the person must not see a difference."""
    leaf = InputName(InputKind.DOOR_SENSOR, 1)
    with bench.store() as store:
        store.insert("cards", [{"value": 123 << 32 | 1, "user_id": ANA, "panic": 1}])
        store.insert("pins", [{"value": "9999", "user_id": ANA, "pin_type": 1}])
        secret = {"panic_password": hash_password("8888", "s"), "panic_salt": "s"}
        store.modify("users", secret, [{"field": "id", "value": ANA}])
    bench.configure({"identifier": {"pin_identification_enabled": int(kind == "pin")}})
    if kind == "card":
        bench.swipe(123 << 32 | 1)
    for key in {"card": "", "pin": "9999#", "password": "1#8888#"}[kind]:
        bench.simulator.keys("front", key)
        bench.pass_time(0.2)
    assert bench.events() == [(7, ANA)]
    assert bench.unlocked(1)
    bench.simulator.set_input(leaf, high=False)
    bench.pass_time(0.5)
    assert bench.alarms() == []
