"""Unlock schedules and first cards at a running controller: clock and cards in, pins out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.admission import admit
from gateway.access.admission_values import AdmissionStep
from gateway.access.attempt import Duress
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import OpenDoor
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.journal import EntryKind
from gateway.store.objects.store import Store

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678
CARD_OF_BRUNO = (123 << 32) | 45679
OFFICE, VISITORS = 2, 3
FRONT_SENSOR = InputName(InputKind.DOOR_SENSOR, 1)
BACK_SENSOR = InputName(InputKind.DOOR_SENSOR, 2)
DAYS = dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 1)
NINE, SIX = 9 * 3600, 18 * 3600


def local(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """November 2026 at the demo's wall clock, three hours behind UTC; the 23rd is a monday."""
    return datetime(2026, 11, day, hour + 3, minute, second, tzinfo=UTC)


def put_zone(store: Store, start: int = NINE, end: int = SIX) -> None:
    store.insert("time_zones", [{"id": 50, "name": "hours"}])
    store.insert("time_spans", [{"time_zone_id": 50, "start": start, "end": end, **DAYS}])


def put_schedule(store: Store, start: int = NINE, end: int = SIX) -> None:
    put_zone(store, start, end)
    store.insert("access_rules", [{"id": 50, "name": "open", "type": 1, "priority": 0}])
    store.insert("access_rule_time_zones", [{"access_rule_id": 50, "time_zone_id": 50}])
    store.insert("portal_access_rules", [{"portal_id": 1, "access_rule_id": 50}])
    store.insert("scheduled_unlocks", [{"id": 1, "name": "open"}])
    store.insert(
        "scheduled_unlock_access_rules", [{"scheduled_unlock_id": 1, "access_rule_id": 50}]
    )


def put_first_card(store: Store, group: int = OFFICE) -> None:
    put_zone(store)
    store.insert(
        "first_card_unlocks", [{"id": 7, "name": "shop", "portal_id": 1, "time_zone_id": 50}]
    )
    store.insert("first_card_unlock_groups", [{"first_card_unlock_id": 7, "group_id": group}])


def ordered(demo: Path, put: Callable[[Store], None]) -> Path:
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        put(store)
    return demo


def close_door(bench: Bench) -> None:
    bench.ask(OpenDoor(door=1, timeout_ms=-1))


def enter(bench: Bench, card: int = CARD_OF_ANA) -> None:
    bench.swipe(card)
    for high in (False, True):
        bench.simulator.set_input(FRONT_SENSOR, high=high)
        bench.pass_time(0.3)
    bench.pass_time(4)


def schedules(bench: Bench) -> list[str]:
    return [body["schedule"] for body in bench.journal(EntryKind.SCHEDULE)]


@pytest.fixture
def scheduled(demo: Path) -> Path:
    return ordered(demo, put_schedule)


@pytest.fixture
def shop(demo: Path, start: Start) -> Iterator[Bench]:
    with start(ordered(demo, put_first_card)) as bench:
        yield bench


def test_a_schedule_unlocks_and_relocks_within_a_second(scheduled: Path, start: Start) -> None:
    with start(scheduled, local(23, 8, 59, 58)) as bench:
        assert not bench.unlocked(1)
        bench.pass_time(2)
        assert bench.unlocked(1)
        assert not bench.unlocked(2)
        bench.clock.set_utc(local(23, 17, 59, 59))
        bench.pass_time(1.9)
        assert bench.unlocked(1)  # 18:00:00 is in
        bench.pass_time(0.2)
        assert not bench.unlocked(1)
        assert bench.strike_edges(1) == 2
        assert schedules(bench) == ["holds", "off"]


def test_a_schedule_in_force_at_start_unlocks_at_once(scheduled: Path, start: Start) -> None:
    with start(scheduled) as bench:
        assert bench.unlocked(1)
        assert next(s.schedule for s in bench.controller.status().doors if s.id == 1) == "holds"


def test_a_schedule_that_is_written_is_obeyed_and_one_deleted_too(bench: Bench) -> None:
    with bench.store() as store:
        put_schedule(store)
    bench.pass_time(1.1)
    assert bench.unlocked(1)
    with bench.store() as store:
        store.destroy("scheduled_unlocks")
    bench.pass_time(1.1)
    assert not bench.unlocked(1)


def test_an_opening_in_the_hours_is_no_burglary(scheduled: Path, start: Start) -> None:
    with start(scheduled) as bench:
        bench.simulator.set_input(FRONT_SENSOR, high=False)
        bench.pass_time(60)
        assert bench.alarms() == []


def test_a_close_ends_the_schedule_until_the_next_day(scheduled: Path, start: Start) -> None:
    with start(scheduled) as bench:
        close_door(bench)
        bench.pass_time(5)
        assert not bench.unlocked(1)
        bench.clock.set_utc(local(23, 19))
        bench.pass_time(2)
        bench.clock.set_utc(local(24, 10))
        bench.pass_time(2)
        assert bench.unlocked(1)


@pytest.mark.parametrize(("closed_at", "unlocked"), [(local(23, 10), False), (local(22, 10), True)])
def test_what_a_close_ended_stays_so_over_a_restart_within_the_window(
    scheduled: Path, start: Start, closed_at: datetime, unlocked: bool
) -> None:
    with start(scheduled, closed_at) as bench:
        close_door(bench)
        bench.pass_time(1)
    with start(scheduled) as bench:
        assert bench.unlocked(1) is unlocked


def test_without_a_clock_a_partial_schedule_unlocks_nothing(scheduled: Path, start: Start) -> None:
    with start(scheduled) as bench:
        bench.clock.set_utc(datetime(2000, 1, 3, 15, 0, tzinfo=UTC))
        bench.pass_time(2)
        assert not bench.unlocked(1)
        bench.clock.set_utc(None)
        bench.pass_time(2)
        assert bench.unlocked(1)


def test_without_a_clock_what_a_close_ended_is_not_forgotten(scheduled: Path, start: Start) -> None:
    with start(scheduled) as bench:
        close_door(bench)
        bench.clock.set_utc(datetime(2000, 1, 3, 15, 0, tzinfo=UTC))
        bench.pass_time(2)
        bench.clock.set_utc(None)
        bench.pass_time(2)
        assert not bench.unlocked(1)


def test_a_lock_down_drops_the_schedule(scheduled: Path, start: Start) -> None:
    with start(scheduled) as bench:
        bench.configure({"general": {"exception_mode": "lock_down"}})
        assert not bench.unlocked(1)
        bench.configure({"general": {"exception_mode": "none"}})
        assert not bench.unlocked(1)


def test_an_interlock_keeps_a_schedule_waiting_until_the_other_door_is_free(
    scheduled: Path, start: Start
) -> None:
    with start(scheduled, local(23, 8, 59, 50)) as bench:
        bench.configure({"general": {"door1_interlock": "2"}})
        bench.simulator.set_input(BACK_SENSOR, high=False)
        bench.pass_time(20)
        assert not bench.unlocked(1)
        bench.simulator.set_input(BACK_SENSOR, high=True)
        bench.pass_time(1.5)
        assert bench.unlocked(1)


def test_an_end_that_the_clocks_skip_comes_when_they_have_gone_forward(
    demo: Path, start: Start
) -> None:
    site = demo / "gateway.toml"
    text = site.read_text(encoding="utf-8").replace("America/Sao_Paulo", "Europe/Berlin")
    site.write_text(text, encoding="utf-8")
    ordered(demo, lambda store: put_schedule(store, 0, 2 * 3600 + 1800))
    # On 28 March 2027 two o'clock is three o'clock.
    with start(demo, datetime(2027, 3, 28, 0, 59, 50, tzinfo=UTC)) as bench:
        bench.pass_time(9)
        assert bench.unlocked(1)
        bench.pass_time(2)
        assert not bench.unlocked(1)


def test_the_first_entry_opens_the_place_until_the_end_of_the_window(shop: Bench) -> None:
    assert not shop.unlocked(1)
    enter(shop)
    assert shop.unlocked(1)
    shop.clock.set_utc(local(23, 18, 0, 1))
    shop.pass_time(1.1)
    assert not shop.unlocked(1)
    shop.clock.set_utc(local(24, 10))
    shop.pass_time(2)
    assert not shop.unlocked(1)
    assert [body["on"] for body in shop.journal(EntryKind.FIRST_CARD)] == [True, False]


def test_a_first_card_without_an_entry_opens_nothing(shop: Bench) -> None:
    shop.swipe(CARD_OF_ANA)
    shop.pass_time(5)
    assert not shop.unlocked(1)


def test_an_entry_outside_the_window_opens_nothing(demo: Path, start: Start) -> None:
    with start(ordered(demo, put_first_card), local(23, 7)) as bench:
        enter(bench)
        assert bench.events()[-1] == (7, 1)
        bench.clock.set_utc(local(23, 10))
        bench.pass_time(2)
        assert not bench.unlocked(1)


def test_an_entry_of_another_group_opens_nothing(demo: Path, start: Start) -> None:
    with start(ordered(demo, lambda store: put_first_card(store, VISITORS))) as bench:
        enter(bench)
        assert bench.events() == [(7, 1)]
        assert not bench.unlocked(1)


def test_a_close_ends_the_first_card_s_hours_until_the_next_window(shop: Bench) -> None:
    enter(shop)
    close_door(shop)
    enter(shop, CARD_OF_BRUNO)
    assert not shop.unlocked(1)
    shop.clock.set_utc(local(23, 19))
    shop.pass_time(2)
    shop.clock.set_utc(local(24, 10))
    shop.pass_time(2)
    enter(shop)
    assert shop.unlocked(1)


@pytest.mark.parametrize(("opened_at", "unlocked"), [(local(23, 10), True), (local(22, 10), False)])
def test_a_first_card_is_kept_over_a_restart_within_its_window(
    demo: Path, start: Start, opened_at: datetime, unlocked: bool
) -> None:
    ordered(demo, put_first_card)
    with start(demo, opened_at) as bench:
        enter(bench)
        assert bench.unlocked(1)
    with start(demo) as bench:
        assert bench.unlocked(1) is unlocked


@pytest.mark.parametrize("mark", [{"duress": Duress.CARD}, {"passback_violation": True}])
def test_whoever_is_under_threat_or_out_of_turn_opens_no_place(
    shop: Bench, monkeypatch: pytest.MonkeyPatch, mark: dict[str, Any]
) -> None:
    def marked(*given: Any) -> AdmissionStep:
        step = admit(*given)
        return replace(step, outcomes=tuple(replace(each, **mark) for each in step.outcomes))

    monkeypatch.setattr("gateway.controller.access.admission_context.admit", marked)
    enter(shop)
    assert shop.events() == [(7, 1)]
    assert not shop.unlocked(1)
