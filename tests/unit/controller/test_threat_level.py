"""Threat levels at a running controller: who passes, what locks, how a level ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import InvalidRequest
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import SetThreatLevel
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.journal import EntryKind
from gateway.store.objects.store import Store
from tests.unit.controller.test_door_hours import enter, local, put_first_card, put_schedule

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA = 1
CARD_OF_ANA = (123 << 32) | 45678
OFFICE, VISITORS = 2, 3
REX = InputName(InputKind.REX, 1)


def define(store: Store, level: int = 2, groups: tuple[int, ...] = (VISITORS,)) -> None:
    """A level at which these groups alone pass."""
    store.insert("threat_levels", [{"id": level, "level": level, "name": "guards"}])
    store.insert(
        "threat_level_groups", [{"threat_level_id": level, "group_id": it} for it in groups]
    )


@pytest.fixture
def site(demo: Path) -> Path:
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        define(store)
    return demo


def set_level(bench: Bench, level: int, minutes: int | None = None) -> None:
    bench.ask(SetThreatLevel(level=level, minutes=minutes, login="eva", reason="a fight"))


def swiped(bench: Bench) -> tuple[int, int]:
    bench.pass_time(6)
    bench.swipe(CARD_OF_ANA)
    return bench.events()[-1]


def level(bench: Bench) -> int:
    return int(bench.controller.status().threat.level)


def told(bench: Bench) -> list[tuple[int, bool]]:
    entries = bench.journal(EntryKind.THREAT_LEVEL)
    return [(it["level"], bool(it.get("ended"))) for it in entries if not it.get("again")]


def test_the_next_swipe_obeys_a_level_and_its_end(site: Path, start: Start) -> None:
    with start(site) as bench:
        assert swiped(bench) == (7, ANA)
        set_level(bench, 2)
        assert swiped(bench) == (6, ANA)
        assert bench.journal(EntryKind.ACCESS)[-1]["reason"] == "threat_level"
        set_level(bench, 0)
        assert swiped(bench) == (7, ANA)
        assert told(bench) == [(2, False), (0, False)]


def test_a_reader_at_the_way_out_of_the_site_opens_at_every_level(site: Path, start: Start) -> None:
    with start(site) as bench:
        with bench.store() as store:
            store.insert("areas", [{"id": 11, "name": "street"}])
            where = {"portals": {"id": 1}}
            store.modify("portals", {"area_to_id": 11}, where)
            store.insert("occupancy_limits", [{"area_id": 11, "minimum": 2}])
        bench.pass_time(1.1)
        set_level(bench, 2)
        assert swiped(bench) == (6, ANA)
        with bench.store() as store:
            store.insert("outside_areas", [{"area_id": 11}])
        assert swiped(bench) == (7, ANA)


def test_an_exit_button_opens_at_every_level(site: Path, start: Start) -> None:
    with start(site) as bench:
        set_level(bench, 2)
        bench.simulator.set_input(REX, high=False)
        bench.pass_time(0.3)
        assert bench.unlocked(1)


def test_a_level_locks_what_a_schedule_unlocked_at_once_and_gives_it_back(
    site: Path, start: Start
) -> None:
    with Store.open(site / STORE_FILE, REGISTRY, lambda: 0) as store:
        put_schedule(store)
    with start(site, local(23, 10)) as bench:
        assert bench.unlocked(1)
        set_level(bench, 2)
        assert not bench.unlocked(1)
        set_level(bench, 0)
        bench.pass_time(1.1)
        assert bench.unlocked(1)


def test_after_a_level_another_first_card_is_needed(site: Path, start: Start) -> None:
    with Store.open(site / STORE_FILE, REGISTRY, lambda: 0) as store:
        put_first_card(store)
        store.insert("threat_level_groups", [{"threat_level_id": 2, "group_id": OFFICE}])
    with start(site, local(23, 10)) as bench:
        enter(bench)
        assert bench.unlocked(1)
        set_level(bench, 2)
        assert not bench.unlocked(1)
        enter(bench)  # a listed person passes, but starts nothing
        assert bench.events()[-1] == (7, ANA)
        assert not bench.unlocked(1)
        set_level(bench, 0)
        bench.pass_time(1.1)
        assert not bench.unlocked(1)
        enter(bench)
        assert bench.unlocked(1)


def test_a_level_outlives_restarts_and_ends_at_its_time(site: Path, start: Start) -> None:
    with start(site) as bench:
        set_level(bench, 2, minutes=10)
        bench.pass_time(60)
    with start(site) as bench:
        assert level(bench) == 2
        assert swiped(bench) == (6, ANA)
        kept: Any = bench.controller.status().threat
        assert (kept.login, kept.reason, kept.name) == ("eva", "a fight", "guards")
        bench.pass_time(600)
        assert level(bench) == 0
        assert swiped(bench) == (7, ANA)
        assert told(bench) == [(2, False), (0, True)]


def test_a_level_whose_time_ran_out_while_the_power_was_off_is_over_at_the_start(
    site: Path, start: Start
) -> None:
    with start(site, local(23, 10)) as bench:
        set_level(bench, 2, minutes=10)
    with start(site, local(23, 11)) as bench:
        assert level(bench) == 0
        bench.swipe(CARD_OF_ANA)
        assert bench.events()[-1] == (7, ANA)


def test_a_clock_that_is_not_trusted_ends_no_level(site: Path, start: Start) -> None:
    with start(site) as bench:
        set_level(bench, 2, minutes=2)
        bench.clock.set_utc(datetime(2020, 1, 1, tzinfo=UTC))
        bench.pass_time(600)
        assert level(bench) == 2
        with pytest.raises(InvalidRequest, match="not trusted"):
            set_level(bench, 1, minutes=5)
        bench.clock.set_utc(None)
        bench.pass_time(2)
        assert level(bench) == 0


def test_setting_the_clock_neither_shortens_nor_prolongs_a_level(site: Path, start: Start) -> None:
    with start(site) as bench:
        set_level(bench, 2, minutes=10)
        bench.clock.set_utc(bench.clock.utc() + timedelta(days=1))
        bench.pass_time(60)
        assert level(bench) == 2
        bench.pass_time(541)
        assert level(bench) == 0


def test_a_level_whose_definition_is_deleted_lets_nobody_pass(site: Path, start: Start) -> None:
    with start(site) as bench:
        with bench.store() as store:
            store.insert("threat_level_groups", [{"threat_level_id": 2, "group_id": OFFICE}])
        set_level(bench, 2)
        bench.pass_time(1.1)
        assert swiped(bench) == (7, ANA)
        with bench.store() as store:
            store.destroy("threat_levels", [{"field": "id", "value": 2}])
        bench.pass_time(1.1)
        assert swiped(bench) == (6, ANA)


def test_people_who_wait_at_a_level_have_shown_all_that_it_asks_for(
    site: Path, start: Start
) -> None:
    bruno, card_of_bruno = 2, (123 << 32) | 45679
    with start(site) as bench:
        with bench.store() as store:
            row = {"id": 1, "level": 1, "name": "watchful", "listed_groups_only": 0}
            store.insert("threat_levels", [{**row, "factor_mode": 3}])
            store.destroy("pins")
            pins = [{"user_id": it, "value": f"432{it}"} for it in (ANA, bruno)]
            store.insert("pins", pins)
            store.insert("groups", [{"id": 77, "name": "pairs"}])
            store.insert("user_groups", [{"user_id": it, "group_id": 77} for it in (ANA, bruno)])
            store.insert("group_access_rules", [{"group_id": 77, "access_rule_id": 1}])
            store.insert("portal_rules", [{"id": 5, "name": "two", "type": 1}])
            need = {"portal_rule_id": 5, "group_id": 77, "quantity": 2}
            store.insert("portal_rule_groups", [need])
            store.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 5}])
        bench.pass_time(1.1)
        set_level(bench, 1)
        for user, card in ((ANA, CARD_OF_ANA), (bruno, card_of_bruno)):
            bench.swipe(card)
            for key in f"432{user}#":
                bench.simulator.keys("front", key)
                bench.pass_time(0.2)
        assert [event for event, _ in bench.events()][-4:] == [4, 8, 4, 7]
