"""Credentials with a status, a validity and a number of uses, from edges on pins to rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.access.person import Person
from gateway.controller.access.credential_uses import CredentialUses
from gateway.controller.state.recorder import Recorder
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import OpenDoor
from gateway.store.journal import EntryKind
from gateway.store.journal.credential_uses import UseKey
from gateway.store.journal.passages import PassageEntered

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, BRUNO = 1, 2
CARD_OF_ANA = (123 << 32) | 45678
SENSOR = InputName(InputKind.DOOR_SENSOR, 1)


def give(bench: Bench, **terms: int) -> None:
    """Give Ana's card these terms."""
    with bench.store() as store:
        assert store.modify("cards", terms, {"cards": {"user_id": ANA}}) > 0
    bench.pass_time(1.1)


def enter(bench: Bench) -> None:
    """Swipe Ana's card, and go through if the door unlocks."""
    bench.pass_time(2.1)  # a repeated read is none
    bench.swipe(CARD_OF_ANA)
    if bench.unlocked(1):
        pass_door(bench)


def pass_door(bench: Bench) -> None:
    for high in (False, True):
        bench.simulator.set_input(SENSOR, high=high)
        bench.pass_time(0.3)
    bench.ask(OpenDoor(door=1, timeout_ms=-1))
    bench.pass_time(0.1)


def reasons(bench: Bench) -> list[str]:
    return [body["reason"] for body in bench.journal(EntryKind.ACCESS)]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"status": 1}, "credential_lost"),
        ({"status": 2}, "credential_stolen"),
        ({"status": 3}, "credential_disabled"),
        ({"end_time": 1_000_000_000}, "credential_expired"),
        ({"begin_time": 3_000_000_000}, "credential_not_yet_valid"),
    ],
)
def test_a_card_that_is_not_in_order_moves_no_lock(
    bench: Bench, terms: dict[str, int], reason: str
) -> None:
    edges = bench.strike_edges(1)
    give(bench, **terms)
    bench.swipe(CARD_OF_ANA)

    assert (reasons(bench), bench.events()) == ([reason], [(6, ANA)])
    assert bench.strike_edges(1) == edges
    [known] = [body["facts"]["credential"] for body in bench.journal(EntryKind.ACCESS)]
    assert known["object"] == "cards"


@pytest.mark.parametrize(("status", "cause"), [(2, [10]), (1, [])])
def test_a_stolen_card_raises_the_silent_alarm_of_a_panic_card_and_a_lost_one_none(
    bench: Bench, status: int, cause: list[int]
) -> None:
    bench.configure({"alarm": {"panic_card_enabled": 1, "panic_finger_delay": 0}})
    give(bench, status=status)
    bench.swipe(CARD_OF_ANA)
    assert [cause for event, cause, _ in bench.alarms() if event == 1] == cause


def test_a_use_counts_when_the_door_opens_and_is_kept_over_a_restart(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        give(bench, uses=2)
        enter(bench)
        bench.pass_time(2.1)
        bench.swipe(CARD_OF_ANA)  # and stays outside
        bench.pass_time(10)
        assert [body["used"] for body in bench.journal(EntryKind.CREDENTIAL_USED)] == [1]
    with start(demo) as bench:
        enter(bench)
        enter(bench)
        assert reasons(bench)[-2:] == ["granted", "credential_used_up"]
        assert [body["used"] for body in bench.journal(EntryKind.CREDENTIAL_USED)] == [1, 2]
        give(bench, uses=3)
        enter(bench)
        assert reasons(bench)[-1] == "granted"


def test_the_same_card_twice_before_the_door_opens_is_one_entry(bench: Bench) -> None:
    give(bench, uses=2)
    for _ in range(2):
        bench.pass_time(2.1)
        bench.swipe(CARD_OF_ANA)
    pass_door(bench)
    assert len(bench.journal(EntryKind.CREDENTIAL_USED)) == 1
    enter(bench)
    assert reasons(bench) == ["granted"] * 3


def test_a_card_given_to_somebody_else_begins_anew(bench: Bench) -> None:
    give(bench, uses=1)
    enter(bench)
    with bench.store() as store:
        store.modify("cards", {"user_id": BRUNO}, {"cards": {"user_id": ANA}})
    bench.pass_time(1.1)
    enter(bench)
    assert bench.events() == [(7, ANA), (7, BRUNO)]


# ---- whatever happens, in whatever order ---------------------------------------------------------


class KeptUses:
    """The journal's file: what was committed of the entries that were noted."""

    def __init__(self) -> None:
        self.used: dict[UseKey, int] = {}
        self.noted: list[UseKey] = []
        self.done = 0

    def inside(self, area_id: int) -> list[Any]:
        raise AssertionError(area_id)

    def note(self, kind: EntryKind, **body: Any) -> int:
        assert kind is EntryKind.CREDENTIAL_USED
        self.noted.append(
            UseKey(CredentialKey[body["object"].upper()], body["row_id"], body["user_id"])
        )
        return len(self.noted)

    def commit(self) -> int:
        for key in self.noted[self.done :]:
            self.used[key] = self.used.get(key, 0) + 1
        self.done = len(self.noted)
        return self.done

    def uses(self, key: UseKey) -> int:
        return self.used.get(key, 0)

    def of(self, user_id: int) -> list[PassageEntered]:
        raise AssertionError(user_id)

    def any_before(self, day: int) -> bool:
        raise AssertionError(day)


USES = 3
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("swipe"), st.integers(1, 3)),
        st.tuples(st.just("enter"), st.integers(1, 3)),
        st.tuples(st.just("lapse"), st.integers(1, 3)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("kill"), st.just(0)),
    ),
    max_size=40,
)


CARD = Person(ANA, credentials=(CredentialTerms(CredentialKey.CARDS, 7, uses=USES),))


def counting(kept: KeptUses) -> CredentialUses:
    return CredentialUses(kept, cast("Recorder", kept))


def left(uses: CredentialUses, portal: int) -> int | None:
    [terms] = uses.counted(CARD, portal).credentials
    return terms.left


def test_a_use_that_is_under_way_at_one_door_is_not_there_for_another() -> None:
    uses = counting(KeptUses())
    uses.reserve(1, 1, (CARD,))
    assert (left(uses, 1), left(uses, 2)) == (USES, USES - 1)
    uses.lapsed(1)
    assert left(uses, 2) == USES


@given(steps=STEPS)
def test_uses_never_go_below_zero_and_an_entry_counts_once(steps: list[tuple[str, int]]) -> None:
    kept, number = KeptUses(), 0
    uses = counting(kept)
    open_grants: dict[int, list[int]] = {}
    entries = lost = 0
    for what, portal in steps:
        if what == "swipe":
            ready = left(uses, portal)
            assert ready in range(USES + 1)
            if ready:
                number += 1
                uses.reserve(number, portal, (CARD,))
                open_grants.setdefault(portal, []).append(number)
        elif what in ("enter", "lapse"):
            grants = open_grants.pop(portal, [])
            for grant in grants:
                (uses.entered if what == "enter" else uses.lapsed)(grant)
            entries += what == "enter" and bool(grants)
        elif what == "commit":
            uses.committed(kept.commit())
        else:
            # What the disk does not have is lost, with all that was under way.
            lost += len(kept.noted) - kept.done
            del kept.noted[kept.done :]
            uses, open_grants = counting(kept), {}
        assert len(kept.noted) == entries - lost
        assert entries - lost <= USES
