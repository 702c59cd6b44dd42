"""What the explanation of a real access says: read from what the controller recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gateway.clock import DeviceTime, SiteZone
from gateway.commands.explain import ExplainRequest, explained
from gateway.explain.rules import RulesCache
from gateway.explain.site_view import ExplainContext, SiteView
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import OpenDoor
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.settings import SITE_FILE, read_site
from gateway.settings.seal_key import sealer_of
from gateway.store.files import JOURNAL_FILE, STORE_FILE, database
from gateway.store.journal import EntryKind, JournalReader
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.tables.modes import write_mode

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

ANA, BRUNO = 1, 2
CARD_OF_ANA, CARD_OF_BRUNO = (123 << 32) | 45678, (123 << 32) | 45679
OUT, IN = 9, 10
FRONT_LEAF, BACK_LEAF = (InputName(InputKind.DOOR_SENSOR, number) for number in (1, 2))

Explain = Callable[..., dict[str, Any]]


@pytest.fixture
def explain(bench: Bench) -> Explain:
    return explainer(bench)


def explainer(bench: Bench) -> Explain:
    """Explains the last access, or the question that is asked."""
    site = read_site(bench.data / SITE_FILE)
    zone = SiteZone(site.site.zone)

    def ask(**question: Any) -> dict[str, Any]:
        if not question:
            question["access_log_id"] = bench.journal(EntryKind.ACCESS)[-1]["row"]["id"]
        store = database.open_reader(bench.data / STORE_FILE)
        try:
            context = ExplainContext(
                database=store,
                models=Models(REGISTRY, store, sealer_of(bench.data, site)),
                rules_cache=RulesCache(),
                journal=bench.data / JOURNAL_FILE,
                site=site,
                clock=bench.clock,
                device_time=DeviceTime(zone, site.site.wire_time),
                status=bench.controller.status,
            )
            return explained(SiteView(context), ExplainRequest(**question))
        finally:
            store.close_all()

    return ask


def leaf(bench: Bench, name: InputName, *, is_open: bool) -> None:
    bench.simulator.set_input(name, high=not is_open)
    bench.pass_time(0.1)


def enter(bench: Bench) -> None:
    """Go through the front door, which falls shut behind."""
    for is_open in (True, False):
        leaf(bench, FRONT_LEAF, is_open=is_open)
    bench.pass_time(4)


def watch_area(bench: Bench, mode: int) -> None:
    """Portal 1 leads from out to in, and the area inside is watched."""
    with bench.store() as store:
        store.insert("areas", [{"id": OUT, "name": "Out"}, {"id": IN, "name": "In"}])
        way = {"area_from_id": OUT, "area_to_id": IN}
        store.modify("portals", way, [{"field": "id", "value": 1}])
        store.insert("antipassback_areas", [{"area_id": IN, "mode": mode}])
    bench.pass_time(1.1)


def test_timed_anti_passback_says_when_they_entered_and_from_when_again(
    bench: Bench, explain: Explain
) -> None:
    keys = {"antipassback_enabled": 1, "antipassback_mode": "timed", "antipassback_timeout": 5}
    bench.configure({"identifier": keys})
    bench.clock.set_utc(datetime(2026, 11, 23, 15, 49, tzinfo=UTC))
    bench.swipe(CARD_OF_ANA)
    enter(bench)
    bench.pass_time(20)
    bench.swipe(CARD_OF_ANA)
    answer = explain()
    assert "denied: anti-passback: entered at 12:49, again from 12:54" in answer["text"]
    assert answer["decided_by"] == "passback"
    [cure] = answer["to_change"]
    assert 'forgive_antipassback {"user_id": 1}' in cure


def test_area_anti_passback_says_where_they_are_and_since_when(
    bench: Bench, explain: Explain
) -> None:
    watch_area(bench, 2)
    bench.clock.set_utc(datetime(2026, 11, 23, 15, 49, tzinfo=UTC))
    bench.swipe(CARD_OF_ANA)
    enter(bench)
    bench.swipe(CARD_OF_ANA)
    assert (
        "in area 'In' since 12:49, and the portal leads from area 'Out' to area 'In'"
        in (explain()["text"])
    )


def test_a_soft_violation_is_told_of_the_grant(bench: Bench, explain: Explain) -> None:
    watch_area(bench, 1)
    bench.swipe(CARD_OF_ANA)
    enter(bench)
    bench.swipe(CARD_OF_ANA)
    answer = explain()
    assert answer["reason"] == "granted"
    assert "granted: anti-passback violation: in area 'In' since 12:00" in answer["text"]


def test_a_block_with_hours_is_explained_by_the_clock_and_not_by_changed_rules(
    bench: Bench, explain: Explain
) -> None:
    with bench.store() as store:
        store.insert("access_rules", [{"id": 9, "name": "Nobody at noon", "type": 0}])
        store.insert("time_zones", [{"id": 9, "name": "noon"}])
        span = {"time_zone_id": 9, "start": 43_200, "end": 43_201, "mon": 1}
        days = dict.fromkeys(("sun", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3"), 0)
        store.insert("time_spans", [{**span, **days}])
        store.insert("access_rule_time_zones", [{"access_rule_id": 9, "time_zone_id": 9}])
        store.insert("portal_access_rules", [{"portal_id": 1, "access_rule_id": 9}])
        store.insert("group_access_rules", [{"group_id": 2, "access_rule_id": 9}])
    bench.clock.set_utc(datetime(2020, 1, 1, tzinfo=UTC))
    bench.pass_time(1.1)
    bench.swipe(CARD_OF_BRUNO)
    answer = explain()
    assert answer["reason"] == "blocked"
    assert (
        "blocked by 'Nobody at noon', whose hours apply at any time while the clock is not trusted"
        in answer["text"]
    )
    assert not [rule for rule in answer["rules"] if rule["changed"]]


def test_an_interlock_says_which_door_is_in_the_way(bench: Bench, explain: Explain) -> None:
    bench.configure({"general": {"door1_interlock": "2"}})
    leaf(bench, BACK_LEAF, is_open=True)
    assert explain(user_id=ANA, portal_id=1)["reason"] == "interlock"
    bench.swipe(CARD_OF_ANA)
    leaf(bench, BACK_LEAF, is_open=False)
    answer = explain()
    assert "door 'front' stays locked, since door 'back' is open" in answer["text"]
    assert answer["facts"]["interlock"] == {"door": 1, "by": 2, "why": "is open"}
    assert explain(user_id=ANA, portal_id=1)["reason"] == "granted"


@pytest.mark.parametrize(
    ("place", "where"), [(0, "the device"), (1, "door 'front'")], ids=["device", "door"]
)
def test_a_lock_down_says_where_by_whom_why_and_until_when(
    bench: Bench, explain: Explain, place: int, where: str
) -> None:
    until = int(datetime(2026, 11, 23, 16, tzinfo=UTC).timestamp())
    row = ModeRow(place, "lock_down", "eva", "drill", 1_795_435_200, 1_795_438_800, until)
    with bench.store() as store:
        key = "exception_mode" if not place else f"door{place}_exception_mode"
        store.set_configuration({"general": {key: "lock_down"}})
        write_mode(store, row)
    bench.pass_time(1.1)
    supposed = explain(user_id=ANA, portal_id=1)["text"]
    bench.swipe(CARD_OF_ANA)
    bench.configure({"general": {key: "none"}})
    said = f"{where} is locked down by eva since 12:00 until 13:00 (drill)"
    answer = explain()
    assert said in answer["text"]
    assert said in supposed
    assert answer["to_change"] == [
        f'end the lock-down: set_exception_mode {{"door": {place}, "mode": "none"}}'
    ]


def test_a_locked_keypad_says_until_when(bench: Bench, explain: Explain) -> None:
    for _ in range(5):
        bench.type_keys("9876#")
    bench.clock.set_utc(datetime(2026, 11, 23, 15, tzinfo=UTC))
    bench.type_keys("1234#")
    said = "the keypad is locked after too many wrong entries: until 12:0"
    assert said in explain()["text"]
    assert said in explain(pin="1234", reader="front")["text"]
    assert explain(user_id=ANA, reader="front")["reason"] == "granted", "a card goes on"


def test_several_persons_says_how_many_of_which_group_are_missing(
    bench: Bench, explain: Explain
) -> None:
    with bench.store() as store:
        store.insert("portal_rules", [{"id": 1, "name": "two", "type": 1}])
        store.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 1}])
        store.insert("portal_rule_groups", [{"portal_rule_id": 1, "group_id": 2, "quantity": 3}])
    bench.pass_time(1.1)
    assert "2 of group 'Office' for 'two'" in explain(user_id=ANA, portal_id=1)["text"]
    bench.swipe(CARD_OF_ANA)
    assert "2 of group 'Office' for 'two', until 12:00:" in explain()["text"]
    bench.swipe(CARD_OF_BRUNO)
    assert "1 of group 'Office' for 'two'" in explain()["text"]
    bench.pass_time(20)
    answer = explain()
    assert answer["reason"] == "persons_missing"
    assert "1 of group 'Office' for 'two'" in answer["text"]


def test_an_opening_says_who_opened_what(bench: Bench, explain: Explain) -> None:
    command = OpenDoor(door=2, by="eva")
    bench.ask(command)
    answer = explain()
    assert answer["text"].endswith("OPENED back: opened by a client of the API, by eva")
    assert answer["facts"] == {"door": 2, "by": "eva"}


def test_an_unknown_card_is_told_with_its_number_and_readings(
    bench: Bench, explain: Explain
) -> None:
    bench.swipe((77 << 32) | 30211)
    text = explain()["text"]
    assert "facility number 77,30211" in text
    assert "plain 0005076483" in text


def test_an_expired_person_is_told_by_what_counted_then(bench: Bench, explain: Explain) -> None:
    with bench.store() as store:
        store.modify("users", {"end_time": 1_700_000_000}, [{"field": "id", "value": ANA}])
    bench.pass_time(1.1)
    bench.swipe(CARD_OF_ANA)
    with bench.store() as store:
        store.modify("users", {"end_time": 0}, [{"field": "id", "value": ANA}])
    bench.pass_time(1.1)
    assert "no longer valid: valid until 2023-11-14 22:13:20" in explain()["text"]


def test_no_digit_of_a_pin_is_in_the_journal(bench: Bench) -> None:
    bench.configure({"identifier": {"multi_factor_authentication": 1}})
    bench.swipe(CARD_OF_ANA)
    bench.type_keys("86420#")
    for _ in range(6):
        bench.type_keys("86420#")
    bench.settle()
    reader = JournalReader(bench.data / JOURNAL_FILE)
    try:
        bodies = [str(entry.body) for entry in reader.after(0, 10_000)]
    finally:
        reader.close()
    assert any("keypad" in body for body in bodies)
    assert not [body for body in bodies if "86420" in body]


def test_the_facts_of_an_entry_have_a_form_and_a_bound(bench: Bench) -> None:
    bench.swipe(CARD_OF_ANA)
    [entry] = bench.journal(EntryKind.ACCESS)
    assert entry["facts"] == {"form": 1, "reader": "front", "doors": [1]}
