"""Answers of servers of every kind: what is no clear decision opens nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.authorization import granted_openings
from gateway.link.messages import AnswerQuestion, Opening
from gateway.settings import parse_site
from gateway.uplink.online.answers import read_answer
from tests.demo_site import DEMO

SITE = parse_site(DEMO, "demo")
"""Two doors, and neither a SecBox nor a turnstile."""


def read(body: object) -> AnswerQuestion:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer("q", data, lambda items: granted_openings(SITE, items))


def result(**members: Any) -> AnswerQuestion:
    return read({"result": members})


def test_the_documented_answer_is_read_whole() -> None:
    found = result(
        event=7,
        user_id=1000,
        user_name="Ana",
        user_image=True,
        user_image_hash="..",
        portal_id=1,
        actions=[{"action": "sec_box", "parameters": "id=65793, reason=1"}],
        message="Welcome",
        duress=0,
    )
    assert found == AnswerQuestion(
        question="q",
        event=7,
        user_id=1000,
        user_name="Ana",
        portal_id=1,
        openings=(Opening(door=1),),
        message="Welcome",
    )


def test_texts_may_stand_for_numbers() -> None:
    found = result(event="7", user_id="1000", portal_id="2", duress="1")
    assert (found.event, found.user_id, found.portal_id, found.duress) == (7, 1000, 2, True)
    assert result(event=7.0).event == 7


def test_without_actions_the_portal_tells_what_opens_and_with_none_nothing_does() -> None:
    assert result(event=7).openings is None
    assert result(event=7, actions=None).openings is None
    assert result(event=7, actions=[]).openings == ()


def test_several_doors_open_in_one_answer_each_for_its_time() -> None:
    actions = [
        {"action": "door", "parameters": "door=1"},
        {"action": "door", "parameters": "door=2,timeout=500"},
    ]
    found = result(event=7, actions=actions)
    assert found.openings == (Opening(door=1), Opening(door=2, timeout_ms=500))


@pytest.mark.parametrize("event", [3, 4, 6, 7])
def test_the_decisions_are_four(event: int) -> None:
    assert result(event=event).event == event


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "allowed"},
        {"event": 7},
        {"result": None},
        {"result": 7},
        {"result": []},
        {"result": {}},
        {"result": {"event": None}},
        {"result": {"event": True}},
        {"result": {"event": 14}},
        {"result": {"event": 99}},
        {"result": {"event": -7}},
        {"result": {"event": "seven"}},
        {"result": {"event": 7.5}},
        {"result": {"event": [7]}},
        [],
        7,
        None,
        b"",
        b"OK",
        b"<html></html>",
        b'{"result": {"event": 7}',
        b'\xff\xfe{"result":{"event":7}}',
        b"[" * 60_000,
        b'{"result":' * 5_000,
        b'{"result":{"event":NaN}}',
    ],
)
def test_what_has_no_decision_is_event_14(body: object) -> None:
    found = read(body)
    assert found.event == 14
    assert found.openings is None
    assert found.why


@pytest.mark.parametrize(
    "actions",
    [
        "door=1",
        {"action": "door", "parameters": "door=1"},
        ["door"],
        [None],
        [{}],
        [{"action": 1}],
        [{"action": "door"}],
        [{"action": "door", "parameters": {"door": 1}}],
        [{"action": "door", "parameters": "door=9"}],
        [{"action": "door", "parameters": "door=1,timeout=x"}],
        [{"action": "door", "parameters": "door=1,timeout=9999999"}],
        [{"action": "door", "parameters": "door=1"}, {"action": "explode"}],
        [{"action": "catra", "parameters": "allow=both"}],
        [{"action": "open_collector", "parameters": ""}],
        [{"action": "door", "parameters": "door=1"}] * 100,
    ],
)
def test_actions_that_cannot_be_carried_out_make_a_denial_and_open_no_part(actions: object) -> None:
    found = result(event=7, user_id=5, actions=actions)
    assert (found.event, found.openings, found.turnstile) == (6, None, ())
    assert found.user_id == 5
    assert "actions cannot be carried out" in found.why


def test_a_denial_opens_nothing_whatever_actions_it_has() -> None:
    found = result(event=6, actions=[{"action": "door", "parameters": "door=1"}])
    assert (found.event, found.openings, found.why) == (6, None, "")


@pytest.mark.parametrize(
    ("word", "factor"),
    [
        ("card", "card"),
        ("pin", "pin"),
        ("password", "password"),
        ("qrcode", "qrcode"),
        ("biometry", None),
        ("face", None),
        ("", None),
        (5, None),
    ],
)
def test_the_next_factor_is_one_that_readers_here_have_or_any(
    word: object, factor: str | None
) -> None:
    assert result(event=4, next_event=word).next_factor == factor
    assert result(event=7, next_event=word).next_factor is None


@pytest.mark.parametrize("number", ["", "x", None, -1, 1 << 63, "9" * 30, True, [], {}])
def test_an_id_that_is_none_names_nobody(number: object) -> None:
    found = result(event=7, user_id=number, portal_id=number)
    assert (found.user_id, found.portal_id) == (None, None)


def test_long_texts_are_cut() -> None:
    found = result(event=6, user_name="a" * 50_000, message="b" * 50_000)
    assert (len(found.user_name), len(found.message)) == (1_000, 1_000)


def test_a_mark_of_byte_order_is_no_part_of_the_answer() -> None:
    assert read(b'\xef\xbb\xbf{"result":{"event":6}}').event == 6


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from([3, 4, 6, 7, "7", "door=1", "door", "card", "id=65793, reason=1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
members = st.sampled_from(
    [
        "event",
        "user_id",
        "user_name",
        "portal_id",
        "actions",
        "message",
        "next_event",
        "duress",
    ]
)


@given(st.dictionaries(members, json_values))
def test_any_members_give_an_answer_that_the_link_takes(found: dict[str, Any]) -> None:
    answer = read({"result": found})
    assert AnswerQuestion.model_validate_json(answer.model_dump_json()) == answer
    if answer.openings or answer.turnstile:
        assert answer.event == 7


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer(body: bytes) -> None:
    assert read(body).event == 14
