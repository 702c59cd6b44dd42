"""A person's groups and own rules on the page, and until when they last."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

VISITORS, STAFF = 31, 32
GUARDS = 41


@pytest.fixture
def ana(throwaway: SimpleNamespace) -> int:
    store = throwaway.context.store
    names = {VISITORS: "Visitors", STAFF: "Staff"}
    store.insert_or_modify("groups", [{"id": it, "name": name} for it, name in names.items()])
    rule = {"id": GUARDS, "name": "Night watch", "type": 1, "priority": 0}
    store.insert_or_modify("access_rules", [rule])
    return int(store.insert("users", [{"name": "Ana"}])[0])


def put(browser: FlaskClient, user: int, **typed: Any) -> None:
    form = {"name": "Ana", "tied": ["group", "rule"], **typed}
    answer = browser.post(f"/people/{user}/edit", data=form)
    assert answer.status_code == 303, answer.text


def ties(throwaway: SimpleNamespace, table: str, field: str, user: int) -> dict[int, int]:
    where = {table: {"user_id": user}}
    rows = throwaway.context.store.load(
        {"object": table, "fields": [field, "end_time"], "where": where}
    )
    return {row[field]: row["end_time"] for row in rows.rows}


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_a_membership_and_a_rule_of_ones_own_end_when_the_form_says_so(
    browser: FlaskClient, throwaway: SimpleNamespace, ana: int
) -> None:
    ends: dict[str, Any] = {
        f"group-{VISITORS}-until": "2099-12-31T18:00",
        f"group-{STAFF}-until": "2099-01-01T00:00",  # its box is not ticked
        f"rule-{GUARDS}-until": "2001-02-03T04:05",
    }
    put(browser, ana, group=[VISITORS], rule=[GUARDS], **ends)
    assert ties(throwaway, "user_groups", "group_id", ana) == {VISITORS: 4_102_423_200}
    assert ties(throwaway, "user_access_rules", "access_rule_id", ana) == {GUARDS: 981_173_100}

    shown = words(browser.get(f"/people/{ana}").text)
    assert "Visitors until 2099-12-31 18:00" in shown
    assert "Night watch ended 2001-02-03 04:05" in shown
    assert "Ana until 2099-12-31 18:00" in words(browser.get(f"/people?group={VISITORS}").text)
    form = browser.get(f"/people/{ana}/edit").text
    assert 'value="2099-12-31T18:00"' in form
    assert 'value="2001-02-03T04:05"' in form

    put(browser, ana, group=[VISITORS])
    assert ties(throwaway, "user_groups", "group_id", ana) == {VISITORS: 0}
    assert ties(throwaway, "user_access_rules", "access_rule_id", ana) == {}


def test_an_end_that_nobody_changed_keeps_its_second(
    browser: FlaskClient, throwaway: SimpleNamespace, ana: int
) -> None:
    end = 981_173_159
    row = {"user_id": ana, "group_id": VISITORS, "end_time": end}
    throwaway.context.store.insert("user_groups", [row])
    put(browser, ana, group=[VISITORS], **{f"group-{VISITORS}-until": "2001-02-03T04:05"})
    assert ties(throwaway, "user_groups", "group_id", ana) == {VISITORS: end}
    assert "Ana ended 2001-02-03 04:05" in words(browser.get(f"/people?group={VISITORS}").text)


def test_ties_that_a_form_does_not_have_stay(
    browser: FlaskClient, throwaway: SimpleNamespace, ana: int
) -> None:
    store = throwaway.context.store
    store.insert("user_access_rules", [{"user_id": ana, "access_rule_id": GUARDS}])
    put(browser, ana, tied=["group"], group=[STAFF])
    assert ties(throwaway, "user_access_rules", "access_rule_id", ana) == {GUARDS: 0}


def test_nothing_is_changed_by_an_end_that_is_no_time(
    browser: FlaskClient, throwaway: SimpleNamespace, ana: int
) -> None:
    typed = {"name": "Bia", "tied": "group", "group": STAFF, f"group-{STAFF}-until": "soon"}
    assert browser.post(f"/people/{ana}/edit", data=typed).status_code == 400
    assert ties(throwaway, "user_groups", "group_id", ana) == {}
    assert "Ana" in browser.get(f"/people/{ana}").text
