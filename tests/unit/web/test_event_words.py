"""Events and decisions in the words of every language."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from gateway.access.reasons import Reason
from gateway.alarms.causes import AlarmCause
from gateway.clock import DeviceTime
from gateway.errors import InvalidRequest
from gateway.explain.cures import CureAction
from gateway.explain.entry_words import line_of
from gateway.explain.event import EventKind, LogOnly
from gateway.explain.events import event_of
from gateway.explain.gates import Gate
from gateway.explain.names import SiteNames
from gateway.explain.stages import StageVerdict
from gateway.settings import parse_site
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.triggers.words import Occurrence
from gateway.web.event_words import EVENTS, KINDS, REASONS, by_day, event_row
from gateway.web.languages import LANGUAGES, speaking
from gateway.web.log_filter import LogFilter
from gateway.web.views.log import _line
from gateway.web.why_words import CURES, GATES, VERDICTS, shown_cures, shown_gates
from tests.demo_site import DEMO

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
NAMES = {("users", 1): "Ana", ("users", 2): "Bruno", ("portals", 1): "Standard"}
CASES = tomllib.loads(
    (Path(__file__).parents[1] / "explain" / "tables" / "events.toml").read_text(encoding="utf-8")
)["case"]


def shown(case: dict[str, Any]) -> dict[str, Any]:
    """The event of a case, as `recent_events` answers it."""
    body = case["body"]
    row = {"row": {"id": 5, **body["row"]}} if "row" in body else {}
    names = SiteNames(
        parse_site(DEMO, "site"),
        DeviceTime(lambda: UTC),
        lambda table, id_: NAMES.get((table, id_), ""),
    )
    entry = CommittedEntry(9, EntryKind(case["kind"]), {**body, **row}, AT)
    made = event_of(entry, names, {1: (1,), 2: (2,)})
    assert made is not None
    line = line_of(entry.kind, entry.body, AT, names)
    assert line is not None
    return {
        "seq": 9,
        "priority": line.priority,
        "kind": made.kind,
        "what": made.what,
        "local": int(AT.timestamp()),
        "clock_trusted": True,
        "text": "",
        "users": [{"id": id_, "name": NAMES.get(("users", id_))} for id_ in made.users],
        "doors": list(made.doors),
        "values": dict(made.values),
        **({"reason": made.reason, "access_log_id": 5} if made.reason else {}),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_is_a_whole_sentence(language: str) -> None:
    with speaking(language):
        for case in CASES:
            words = event_row(shown(case)).words
            assert words, case
            assert "%" not in words, case
            for name in ("who", "where", "why"):
                assert f"({name})" not in words


@pytest.mark.parametrize(
    ("index", "language", "words"),
    [
        (0, "en", "Ana at front: let in"),
        (1, "en", "Ana with Bruno at front: let in"),
        (5, "en", "Bruno at front: refused - outside the hours of Office"),
        (5, "pt", "Bruno em front: recusado - fora do horário de Office"),
        (5, "es", "Bruno en front: rechazado - fuera del horario de Office"),
        (6, "en", "Unknown code at front: refused - nobody has it"),
        (7, "en", "Bruno at front: refused - was valid until 15:00"),
        (8, "en", "Bruno at front: refused - inside already, in 2 since 15:00"),
        (10, "en", "Bruno at front: refused - lock-down by eva"),
    ],
)
def test_a_sentence_says_who_where_what_and_why(index: int, language: str, words: str) -> None:
    with speaking(language):
        assert event_row(shown(CASES[index])).words == words


def test_who_was_deleted_is_called_so() -> None:
    case = shown(CASES[5])
    case["users"] = [{"id": 2, "name": None}]
    row = event_row(case)
    assert row.words.startswith("deleted person 2 at front: refused")
    assert row.people[0].deleted


def test_a_grant_in_spite_of_anti_passback_says_so() -> None:
    case = shown(CASES[0])
    case["values"] |= {"area": "Hall", "since_at": int(AT.timestamp())}
    assert event_row(case).words == (
        "Ana at front: let in, although inside already, in Hall since 15:00"
    )


def test_there_are_words_for_everything_that_can_happen() -> None:
    assert set(EVENTS) == {*Occurrence, *LogOnly}
    assert set(REASONS) == set(Reason)
    assert set(KINDS) == set(EventKind)
    assert (set(GATES), set(VERDICTS), set(CURES)) == (
        set(Gate),
        set(StageVerdict),
        set(CureAction),
    )


@pytest.mark.parametrize("cause", set(AlarmCause) - {AlarmCause.NONE})
def test_every_alarm_has_words(cause: AlarmCause) -> None:
    row = {"event": 1, "cause": int(cause), "door_id": 2, "user_id": 0}
    case = {"kind": "alarm", "body": {"row": row}}
    words = event_row(shown(case)).words
    assert cause.name.lower() not in words


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_even_where_nothing_was_recorded(reason: Reason) -> None:
    row = {"user_id": 1, "portal_id": 1, "event": 6}
    case = {"kind": "access", "body": {"row": row, "reason": reason.value, "trace": []}}
    words = event_row(shown(case)).words
    assert words.startswith("Ana at front: ")
    assert not words.endswith("- ")


def test_only_an_alarm_that_began_is_grave() -> None:
    alarms = [event_row(shown(case)) for case in CASES if case["is"] == "alarm"]
    grave = {row.words.partition(":")[0] for row in alarms if row.grave}
    assert grave == {
        "Alarm",
        "Fire reported",
        "The fire input is normal again; the alarm waits for reset",
        "3",  # too few people in area 3
    }
    assert event_row(shown(CASES[0])).why == "allowed by Always"


def test_events_are_grouped_by_their_day() -> None:
    first, second = shown(CASES[0]), shown(CASES[1])
    second["local"] -= 86_400
    days = by_day([event_row(first), event_row(second)])
    assert [(day, len(rows)) for day, rows in days] == [("2026-11-23", 1), ("2026-11-22", 1)]


def gates() -> Iterator[dict[str, object]]:
    yield {"gate": "right", "verdict": "passes", "decides": False}
    yield {"gate": "hours", "verdict": "refuses", "decides": True}
    yield {"gate": "persons", "verdict": "not_reached", "decides": False}


def test_gates_and_cures_are_worded() -> None:
    target = {"user_id": 7, "rule_ids": [3], "time_zone_ids": [12, 13]}
    answer = {
        "gates": list(gates()),
        "cures": [
            {"action": "change_hours", "target": target},
            {"action": "configure", "target": {"module": "catra", "key": "operation_mode"}},
            {"action": "give_credential", "target": {}},
        ],
    }
    assert [(it.words, it.decides, it.faint) for it in shown_gates(answer)] == [
        ("may pass here", False, False),
        ("in time", True, False),
        ("enough people", False, True),
    ]
    hours, setting, unknown = shown_cures(answer)
    assert hours.place == "/schedules/12"
    assert setting.words == "Change the setting: Free and locked sides"
    assert unknown.place == "", "without a card there is nothing to give"


def test_a_filter_is_what_its_address_says_and_nothing_else() -> None:
    query = MultiDict(
        [("kind", "denied"), ("kind", "alarm"), ("q", " ana "), ("from", "2026-11-21")]
    )
    wanted = LogFilter.of_query(query)
    assert wanted.address() == "/log?kind=denied&kind=alarm&q=ana&from=2026-11-21"
    assert wanted.toggled(EventKind.DENIED) == "/log?kind=alarm&q=ana&from=2026-11-21"
    assert wanted.toggled(EventKind.DOOR).startswith("/log?kind=denied&kind=door&kind=alarm")
    assert wanted.address(before=7).endswith("before=7")
    assert wanted.members(DeviceTime(lambda: UTC)) == {
        "kinds": ["denied", "alarm"],
        "text": "ana",
        "since": int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()),
    }
    until = LogFilter(last_day=date(2026, 11, 21)).members(DeviceTime(lambda: UTC))
    assert until == {"until": int(datetime(2026, 11, 22, tzinfo=UTC).timestamp())}
    assert not LogFilter(before=7).narrows


def test_no_cell_of_a_table_is_a_formula() -> None:
    assert _line(["=1+1", "-2", "Ana, of the office", "9:00"]) == (
        "'=1+1,'-2,\"Ana, of the office\",9:00\r\n"
    )


@pytest.mark.parametrize(
    "query", ["kind=rumour", "door=x", "person=-1", "from=yesterday", "to=0001-01-01", "before=1e9"]
)
def test_a_filter_that_is_none_is_refused_by_its_name(query: str) -> None:
    name, _, value = query.partition("=")
    with pytest.raises(InvalidRequest, match=name):
        LogFilter.of_query(MultiDict([(name, value)]))
