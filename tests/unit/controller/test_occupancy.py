"""Who is inside, at a running controller: limits of areas, escorts, emptying."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import EmptyArea, Forgive
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.journal import EntryKind
from gateway.store.journal.passages import PassageReader
from gateway.store.objects.store import Store

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, BRUNO, CLAUDIA = 1, 2, 20
CARD_OF = {ANA: (123 << 32) | 45678, BRUNO: (123 << 32) | 45679, CLAUDIA: (123 << 32) | 20}
IN, OUT = 10, 11
HOSTS, GUESTS = 30, 31
LEAF = InputName(InputKind.DOOR_SENSOR, 1)
MORNING = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
"""A Monday at ten, at the site."""


def lead(store: Store, start: int, end: int) -> None:
    where = [{"field": "id", "value": 1}]
    store.modify("portals", {"area_from_id": start, "area_to_id": end}, where)


@pytest.fixture
def site(demo: Path) -> Path:
    """The front door leads in; Ana, Bruno and Claudia may pass it."""
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.insert("areas", [{"id": OUT, "name": "out"}, {"id": IN, "name": "in"}])
        lead(store, OUT, IN)
        store.insert("users", [{"id": CLAUDIA, "name": "Claudia"}])
        store.insert_or_modify(
            "user_groups", [{"user_id": user, "group_id": 1} for user in CARD_OF]
        )
        store.insert("cards", [{"user_id": CLAUDIA, "value": CARD_OF[CLAUDIA]}])
    return demo


def limit(site: Path, **limits: int) -> Path:
    with Store.open(site / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.insert("occupancy_limits", [{"area_id": IN, **limits}])
    return site


def swipe(bench: Bench, user_id: int) -> str:
    """Show a card; the reason of the answer."""
    bench.swipe(CARD_OF[user_id])
    return str(bench.journal(EntryKind.ACCESS)[-1]["reason"])


def go_through(bench: Bench) -> None:
    for high in (False, True):
        bench.simulator.set_input(LEAF, high=high)
        bench.pass_time(0.3)
    bench.pass_time(4)


def pass_by(bench: Bench, user_id: int) -> None:
    assert swipe(bench, user_id) == "granted"
    go_through(bench)


def leave(bench: Bench, user_id: int) -> None:
    """By the same door, which leads out meanwhile."""
    with bench.store() as store:
        lead(store, IN, OUT)
    bench.pass_time(1.1)
    pass_by(bench, user_id)
    with bench.store() as store:
        lead(store, OUT, IN)
    bench.pass_time(1.1)


def inside(data: Path, area: int = IN) -> set[int]:
    with closing(PassageReader(data / JOURNAL_FILE)) as reader:
        return {it.user_id for it in reader.inside(area)}


def unknown(data: Path) -> set[int]:
    with closing(PassageReader(data / JOURNAL_FILE)) as reader:
        return {it.user_id for it in reader.everybody(10)[1]}


def too_few(bench: Bench) -> list[tuple[int, bool]]:
    return [(it["inside"], it["on"]) for it in bench.journal(EntryKind.OCCUPANCY)]


def test_people_are_inside_from_their_entry_to_their_exit_without_any_anti_passback(
    site: Path, start: Start
) -> None:
    with start(site) as bench:
        pass_by(bench, ANA)
        assert swipe(bench, BRUNO) == "granted"
        bench.pass_time(8)  # he is let in and does not go
        assert inside(site) == {ANA}
        leave(bench, ANA)
        assert inside(site) == set()
        assert inside(site, OUT) == {ANA}


def test_a_full_area_refuses_until_somebody_leaves_and_counts_who_was_let_in(
    site: Path, start: Start
) -> None:
    with start(limit(site, maximum=1)) as bench:
        assert swipe(bench, ANA) == "granted"
        assert swipe(bench, BRUNO) == "area_full", "Ana has the last place, and enters yet"
        bench.pass_time(8)
        pass_by(bench, BRUNO)
        assert swipe(bench, ANA) == "area_full"
        leave(bench, BRUNO)
        pass_by(bench, ANA)


def test_the_count_outlasts_a_restart(site: Path, start: Start) -> None:
    with start(limit(site, maximum=1)) as bench:
        pass_by(bench, ANA)
    with start(site) as bench:
        assert swipe(bench, BRUNO) == "area_full"


def test_the_first_two_enter_together_and_who_leaves_the_other_alone_is_let_out_and_told(
    site: Path, start: Start
) -> None:
    with start(limit(site, minimum=2)) as bench:
        assert swipe(bench, ANA) == "waiting_for_persons"
        assert swipe(bench, BRUNO) == "granted"
        go_through(bench)
        assert inside(site) == {ANA, BRUNO}
        assert too_few(bench) == []
        pass_by(bench, CLAUDIA)
        leave(bench, CLAUDIA)
        assert too_few(bench) == []
        leave(bench, ANA)
        assert too_few(bench) == [(1, True)]
        leave(bench, BRUNO)
        assert too_few(bench) == [(1, True), (0, False)]


def test_a_visitor_enters_with_a_host_whoever_shows_a_card_first(site: Path, start: Start) -> None:
    with Store.open(site / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.insert("groups", [{"id": HOSTS, "name": "hosts"}, {"id": GUESTS, "name": "guests"}])
        ties = [{"user_id": ANA, "group_id": HOSTS}, {"user_id": BRUNO, "group_id": GUESTS}]
        store.insert("user_groups", ties)
        rule = {"portal_id": 1, "visitor_group_id": GUESTS, "host_group_id": HOSTS}
        store.insert("escort_rules", [{"id": 1, "name": "tour", "within_s": 10, **rule}])
    with start(site) as bench:
        assert swipe(bench, BRUNO) == "waiting_for_host"
        assert swipe(bench, ANA) == "granted"
        go_through(bench)
        assert inside(site) == {ANA, BRUNO}
        bench.pass_time(20)
        assert swipe(bench, BRUNO) == "waiting_for_host"
        bench.pass_time(11)
        assert bench.journal(EntryKind.ACCESS)[-1]["reason"] == "host_missing"
        assert swipe(bench, ANA) == "granted"
        assert swipe(bench, BRUNO) == "granted"
        assert swipe(bench, CLAUDIA) == "granted"


def test_an_area_is_emptied_by_command_with_its_author(site: Path, start: Start) -> None:
    with start(limit(site, maximum=1)) as bench:
        pass_by(bench, ANA)
        bench.ask(EmptyArea(area_id=IN, login="eva", reason="checked"))
        assert inside(site) == set()
        assert unknown(site) == set()
        [body] = [it for it in bench.journal(EntryKind.PASSAGE) if "emptied" in it]
        assert (body["emptied"], body["login"], body["reason"]) == (IN, "eva", "checked")
        pass_by(bench, BRUNO)


def test_an_area_is_emptied_at_its_time_once_and_of_those_who_came_before(
    site: Path, start: Start
) -> None:
    with start(limit(site, empty_at=12 * 3600), MORNING) as bench:
        pass_by(bench, ANA)
        bench.clock.set_utc(MORNING + timedelta(hours=2, seconds=2))
        bench.pass_time(1.1)
        assert inside(site) == set()
        pass_by(bench, BRUNO)
        bench.pass_time(60)
        assert inside(site) == {BRUNO}
        bodies: list[Any] = [it for it in bench.journal(EntryKind.PASSAGE) if "emptied" in it]
        assert [it["why"] for it in bodies] == ["schedule"]


def test_an_area_whose_time_passed_while_the_power_was_off_is_emptied_at_the_start(
    site: Path, start: Start
) -> None:
    with start(limit(site, empty_at=12 * 3600), MORNING) as bench:
        pass_by(bench, ANA)
    with start(site, MORNING + timedelta(hours=3)) as bench:
        bench.pass_time(1.1)
        assert inside(site) == set()


def test_who_was_forgotten_is_listed_as_unknown_until_the_next_passage(
    site: Path, start: Start
) -> None:
    with start(site) as bench:
        pass_by(bench, ANA)
        pass_by(bench, BRUNO)
        bench.ask(Forgive(user_id=None))
        assert inside(site) == set()
        assert unknown(site) == {ANA, BRUNO}
        leave(bench, ANA)
        assert unknown(site) == {BRUNO}
        bench.ask(EmptyArea(area_id=0, login="eva"))
        assert unknown(site) == set()


def test_what_is_on_the_disk_at_any_instant_is_what_a_start_counts(
    site: Path, start: Start, tmp_path: Path
) -> None:
    """A power cut: the files are copied while the controller runs."""
    with start(limit(site, maximum=2)) as bench:
        pass_by(bench, ANA)
        pass_by(bench, BRUNO)
        assert swipe(bench, CLAUDIA) == "area_full"
        shutil.copytree(site, tmp_path / "cut")
    with start(tmp_path / "cut") as bench:
        assert inside(tmp_path / "cut") == {ANA, BRUNO}
        assert swipe(bench, CLAUDIA) == "area_full"
