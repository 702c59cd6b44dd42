"""Anti-passback forgets: on request, at midnight, and when an emergency ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.hardware.events import InputKind, InputName
from gateway.link.client import ControllerClient
from gateway.link.messages import AskPosition, Forgive, Position, ResetFire
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SITE_FILE
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.journal import EntryKind
from gateway.store.journal.passages import PassageEntered, PassageForgiven, PassageReader
from gateway.store.objects.store import Store

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, BRUNO, CLAUDIA = 1, 2, 20
CARD_OF = {ANA: (123 << 32) | 45678, BRUNO: (123 << 32) | 45679, CLAUDIA: (123 << 32) | 20}
IN, OUT = 10, 11
FIRE = InputName(InputKind.FIRE)
LEAF = InputName(InputKind.DOOR_SENSOR, 1)
EVE = datetime(2026, 11, 23, 23, 50, tzinfo=UTC) + timedelta(hours=3)
"""Ten minutes before the site's midnight."""


def watch(bench: Bench) -> Bench:
    """Portal 1 leads from outside to inside; the area inside is watched, hard."""
    with bench.store() as store:
        store.insert("areas", [{"id": OUT, "name": "out"}, {"id": IN, "name": "in"}])
        where = [{"field": "id", "value": 1}]
        store.modify("portals", {"area_from_id": OUT, "area_to_id": IN}, where)
        store.insert("antipassback_areas", [{"area_id": IN, "mode": 2}])
        # She passes at any time, as Ana does.
        store.insert("users", [{"id": CLAUDIA, "name": "Claudia"}])
        store.insert("user_groups", [{"user_id": CLAUDIA, "group_id": 1}])
        store.insert("cards", [{"user_id": CLAUDIA, "value": CARD_OF[CLAUDIA]}])
    bench.pass_time(1.1)
    return bench


@pytest.fixture
def airlock(bench: Bench) -> Bench:
    return watch(bench)


def enter(bench: Bench, user_id: int = ANA) -> None:
    """Open the front door with a card, go through, and let it fall shut behind."""
    bench.swipe(CARD_OF[user_id])
    for high in (False, True):
        bench.simulator.set_input(LEAF, high=high)
        bench.pass_time(0.5)
    bench.pass_time(4)


def may_enter(bench: Bench, user_id: int = ANA) -> bool:
    """Whether a card would be let in; nobody goes."""
    bench.pass_time(3)
    bench.swipe(CARD_OF[user_id])
    bench.pass_time(5)
    event, found = bench.events()[-1]
    assert found == user_id
    return bool(event == 7)


def forgiven(bench: Bench) -> list[dict[str, Any]]:
    """Entries that tell of positions forgotten."""
    return [body for body in bench.journal(EntryKind.PASSAGE) if "portal_id" not in body]


Ask = Callable[[Any, Callable[[ControllerClient], Any]], Any]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks a running controller from another thread while this one turns it."""
    with ThreadPoolExecutor(1) as pool:

        def asked(bench: Bench, question: Callable[[ControllerClient], Any]) -> Any:
            client = ControllerClient(RuntimeDirectory.create(bench.data))
            answer: Future[Any] = pool.submit(question, client)
            while not answer.done():
                bench.controller.turn(1_000_000)
            client.close()
            return answer.result()

        yield asked


def test_a_person_is_forgiven_and_nobody_else(airlock: Bench, ask: Ask) -> None:
    for user_id in (ANA, BRUNO):
        enter(airlock, user_id)
    ask(airlock, lambda client: client.ask(Forgive(user_id=ANA)))
    assert may_enter(airlock, ANA)
    assert not may_enter(airlock, BRUNO)


def test_everyone_is_forgiven(airlock: Bench, ask: Ask) -> None:
    for user_id in (ANA, BRUNO):
        enter(airlock, user_id)
    ask(airlock, lambda client: client.ask(Forgive(user_id=None)))
    assert may_enter(airlock, ANA)
    assert may_enter(airlock, BRUNO)


def test_what_was_answered_is_in_the_journal_already(demo: Path, start: Start, ask: Ask) -> None:
    with start(demo) as bench:
        enter(watch(bench))
        ask(bench, lambda client: client.ask(Forgive(user_id=ANA)))
        with closing(PassageReader(bench.data / JOURNAL_FILE)) as passages:
            assert passages.of(ANA) == []
    with start(demo) as bench:
        assert may_enter(bench)


def position(ask: Ask, bench: Bench, user_id: int) -> Position:
    answer = ask(bench, lambda client: client.ask(AskPosition(user_id=user_id)))
    return Position.model_validate(answer)


def test_a_position_is_told_with_its_area_and_since_when(airlock: Bench, ask: Ask) -> None:
    assert position(ask, airlock, ANA) == Position()
    enter(airlock)
    found = position(ask, airlock, ANA)
    assert found.area_id == IN
    age_s = int(airlock.clock.utc().timestamp()) - found.since_utc_s
    assert 4 <= age_s <= 6
    assert position(ask, airlock, BRUNO) == Position()


def before_midnight(bench: Bench) -> None:
    """Ana goes in ten minutes before midnight."""
    bench.clock.set_utc(EVE)
    enter(bench)
    assert not may_enter(bench)


def at_midnight(bench: Bench) -> None:
    bench.clock.set_utc(EVE + timedelta(minutes=10, seconds=1))
    bench.pass_time(2)


def test_at_midnight_everyone_is_forgiven_where_that_is_wanted(airlock: Bench) -> None:
    airlock.configure({"catra": {"daily_reset": 1}})
    before_midnight(airlock)
    at_midnight(airlock)
    assert may_enter(airlock)
    assert [body["why"] for body in forgiven(airlock)] == ["midnight"]


def test_nobody_is_forgiven_at_midnight_otherwise(airlock: Bench) -> None:
    before_midnight(airlock)
    at_midnight(airlock)
    assert not may_enter(airlock)


def test_the_site_file_can_ask_for_it_too(demo: Path, start: Start) -> None:
    path = demo / SITE_FILE
    text = path.read_text(encoding="utf-8") + "\n[admission]\nforgive_at_midnight = true\n"
    path.write_text(text, encoding="utf-8")
    with start(demo) as bench:
        before_midnight(watch(bench))
        at_midnight(bench)
        assert may_enter(bench)


def test_a_passage_after_midnight_stays(airlock: Bench) -> None:
    airlock.configure({"catra": {"daily_reset": 1}})
    at_midnight(airlock)
    enter(airlock)
    airlock.pass_time(120)
    assert not may_enter(airlock)
    assert forgiven(airlock) == []


def test_midnight_is_made_up_for_after_a_start_once(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        watch(bench).configure({"catra": {"daily_reset": 1}})
        before_midnight(bench)
    for _ in range(2):
        with start(demo) as bench:
            at_midnight(bench)
            assert may_enter(bench)
            assert len(forgiven(bench)) == 1


def test_a_clock_that_is_not_trusted_knows_no_midnight(airlock: Bench) -> None:
    airlock.configure({"catra": {"daily_reset": 1}})
    airlock.clock.set_utc(datetime(2026, 10, 1, 15, tzinfo=UTC))
    enter(airlock)
    airlock.clock.set_utc(datetime(2026, 10, 2, 15, tzinfo=UTC))
    airlock.pass_time(2)
    assert not may_enter(airlock)
    assert forgiven(airlock) == []


def test_only_what_is_from_before_midnight_is_forgotten(airlock: Bench) -> None:
    before_midnight(airlock)
    at_midnight(airlock)
    enter(airlock, CLAUDIA)
    airlock.configure({"catra": {"daily_reset": 1}})
    assert may_enter(airlock, ANA)
    assert not may_enter(airlock, CLAUDIA)


def test_what_is_on_its_way_to_the_file_is_forgotten_by_the_same_rule() -> None:
    monday, tuesday = (PassageEntered(ANA, 1, IN, 0, day) for day in (4, 5))
    assert [PassageForgiven(None, 5).forgets(entry) for entry in (monday, tuesday)] == [True, False]
    assert [PassageForgiven(who).forgets(monday) for who in (None, ANA, BRUNO)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("key", ["exception_mode", "door1_exception_mode", "door2_exception_mode"])
def test_the_end_of_an_emergency_forgives_all(airlock: Bench, key: str) -> None:
    enter(airlock)
    airlock.configure({"general": {key: "emergency"}})
    assert forgiven(airlock) == []
    airlock.configure({"general": {key: "none"}})
    assert may_enter(airlock)
    assert [body["why"] for body in forgiven(airlock)] == ["emergency_over"]


def test_the_next_swipe_after_an_emergency_finds_everyone_forgiven(airlock: Bench) -> None:
    enter(airlock)
    airlock.configure({"general": {"exception_mode": "emergency"}})
    airlock.pass_time(3)
    # Nobody has told the controller: the swipe itself finds the new rules.
    with airlock.store() as store:
        store.set_configuration({"general": {"exception_mode": "none"}})
    airlock.swipe(CARD_OF[ANA])
    assert airlock.events()[-1] == (7, ANA)


def test_the_end_of_a_lock_down_forgives_nobody(airlock: Bench) -> None:
    enter(airlock)
    for mode in ("lock_down", "none"):
        airlock.configure({"general": {"exception_mode": mode}})
    assert not may_enter(airlock)
    assert forgiven(airlock) == []


def test_the_reset_of_a_fire_forgives_all(airlock: Bench, ask: Ask) -> None:
    enter(airlock)
    for high in (True, False):
        airlock.simulator.set_input(FIRE, high=high)
        airlock.pass_time(1)
    assert forgiven(airlock) == []
    ask(airlock, lambda client: client.ask(ResetFire()))
    assert may_enter(airlock)


def test_an_emergency_that_ended_while_the_controller_was_down_forgives_all_once(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        enter(watch(bench))
        bench.configure({"general": {"exception_mode": "emergency"}})
    with start(demo) as bench:
        assert forgiven(bench) == []  # it goes on
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.set_configuration({"general": {"exception_mode": "none"}})
    with start(demo) as bench:
        assert [body["why"] for body in forgiven(bench)] == ["emergency_over"]
        assert may_enter(bench)
    with start(demo) as bench:
        assert len(forgiven(bench)) == 1
