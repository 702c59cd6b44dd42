"""Every form of the page: each field has words for a refusal, which say it where it is."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Map, Rule

from gateway.api.app import create_app
from gateway.errors import InvalidRequest, worded
from gateway.objects.factory import reader_binding_rows
from gateway.settings import SiteFile
from gateway.web.blueprint import PAGE
from gateway.web.cookies import LANGUAGE_COOKIE, SESSION_COOKIE
from gateway.web.languages import speaking
from gateway.web.refusals import form_refusal
from gateway.web.views import VIEWS
from gateway.web.visit import View

from .conftest import SITE

RICH = SiteFile.model_validate(
    {
        **SITE.model_dump(mode="json", exclude_none=True),
        "door": [
            {
                **door.model_dump(mode="json", exclude_none=True),
                **({"operator": {"pin": 27, "active": "high"}} if door.id == 2 else {}),
            }
            for door in SITE.door
        ],
        "reader": [
            {
                "name": name,
                "index": number,
                "portal": number,
                "kind": "wiegand",
                "d0": 10 + 2 * number,
                "d1": 11 + 2 * number,
            }
            for number, name in ((1, "front"), (2, "gate"))
        ],
        "siren": None,
        "zone": [{"number": 1, "pin": 20}, {"number": 3, "pin": 21}],
        "elevator": [
            {
                "id": 1,
                "name": "cab",
                "floor": [{"number": it, "pin": 22 + it, "active": "high"} for it in (1, 2)],
            }
        ],
    }
)
PLACED_OTHERWISE = (
    "/settings/<any(",
    "/sign-in",
    "/language",
    "/setup",
    "/demo",
    "/settings/site",
    "/people/import",
)
"""Forms that say themselves what is wrong with which field, or that only technicians of a
simulation see."""
TIMES = {"held_open_s": "", "extended_dwell_ms": "0", "extended_held_open_s": "0"}
VALUES = {"slug": "alarms", "door": "1", "number": "1", "portal": "1", "user": "1", "user_id": "1"}


class FormReader(HTMLParser):
    """The forms of a page: where each is sent, and its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, set[str]]] = []
        self._open: set[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            posted = given.get("hx-post") or (
                given.get("action") if given.get("method") == "post" else ""
            )
            self._open = set()
            if posted:
                self.forms.append((posted, self._open))
        elif tag in {"input", "select", "textarea"} and self._open is not None:
            unseen = given.get("type") in {"hidden", "submit", "file"} or "form" in given
            if given.get("name") and not unseen:
                self._open.add(str(given["name"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


@pytest.fixture
def technician(throwaway: SimpleNamespace) -> FlaskClient:
    """A browser at a device that has one of everything."""
    store = throwaway.context.store
    rows: dict[str, dict[str, Any]] = {
        "users": {"id": 1, "name": "Ana"},
        "cards": {"id": 1, "value": 4_711, "user_id": 1},
        "triggers": {"id": 1, "name": "t", "event": "alarm", "action": "message", "message": "m"},
        "door_groups": {"id": 1, "name": "Ground floor"},
    }
    for name, row in rows.items():
        fields = {it.name for it in store.registry[name].fields}
        store.insert_or_modify(name, [{key: it for key, it in row.items() if key in fields}])
    context = replace(throwaway.context, site=RICH)
    client = create_app(context, PAGE).test_client()
    client.set_cookie(SESSION_COOKIE, throwaway.token())
    return client


def test_each_field_of_each_form_has_words_for_a_refusal(technician: FlaskClient) -> None:
    posts = Map(
        [Rule(it.path, endpoint=number) for number, it in enumerate(VIEWS) if it.method == "POST"]
    )
    found, lacking = 0, []
    streams = {"/live/events", "/settings/diagnostics/file"}
    for path in {view.path for view in VIEWS if view.method == "GET"} - streams:
        at = re.sub(r"<.*?(\w+)>", lambda it: VALUES.get(it[1], "1"), path)
        answer = technician.get(at)
        if "text/html" not in answer.content_type:
            continue
        reader = FormReader()
        reader.feed(answer.text)
        for posted, names in reader.forms:
            number, _values = posts.bind("device").match(posted, method="POST")
            target: View = VIEWS[number]
            if target.path.startswith(PLACED_OTHERWISE):
                continue
            found += bool(names)
            bare = {re.sub(r"-\d+(?=-|$)", "", name) for name in names}
            lacking += [(target.path, name) for name in sorted(bare - set(target.labels))]
    assert not lacking
    assert found > 30


def refused(browser: FlaskClient, path: str, language: str = "en", **typed: Any) -> str:
    browser.set_cookie(LANGUAGE_COOKIE, language)
    answer = browser.post(path, data=typed, headers={"HX-Request": "true"})
    assert answer.status_code in {400, 422}, answer.text
    return html.unescape(re.sub(r"\s+", " ", answer.text))


@pytest.mark.parametrize(
    ("path", "typed", "field", "said"),
    [
        ("/inside/1/limits", {"minimum": "1"}, "minimum", "permitido: 0 para ninguno, o 2 a 10"),
        (
            "/inside/escorts",
            {"name": "x", "portal_id": 1, "visitor_group_id": 1, "host_group_id": 1, "within_s": 9},
            "host_group_id",
            "los anfitriones deben ser otro grupo que los visitantes",
        ),
        (
            "/inside/escorts",
            {
                "name": "x",
                "portal_id": 1,
                "visitor_group_id": 1,
                "host_group_id": 2,
                "within_s": 999,
            },
            "within_s",
            "permitido: 1 a 300",
        ),
        ("/threat-levels/1", {"name": "", "factor_mode": "9"}, "factor_mode", ""),
        ("/threat-levels", {"level": "1", "reason": ""}, "reason", ""),
        (
            "/settings/gestures/0",
            {"portal_id": 1, "gesture": 2, "groups": 1},
            "zone_set_id",
            "este gesto necesita un conjunto de zonas de alarma",
        ),
        (
            "/settings/gestures/0",
            {"portal_id": 1, "gesture": 1},
            "groups",
            "nadie podría hacerlo: marque un grupo o una persona",
        ),
        (
            "/rules/factors",
            {"portal_id": 99, "time_zone_id": 1, "mode": 1},
            "portal_id",
            "ya no existe",
        ),
        ("/people/new", {"name": " "}, "name", "falta completar"),
        ("/people/1/credentials/card", {"value": "x"}, "value", "escriba facility,número"),
        ("/people/1/credentials/card", {"value": "4711"}, "value", "esta tarjeta es de Ana"),
        (
            "/triggers/0",
            {
                "name": "t",
                "event": "alarm",
                "action": "pulse",
                "output": "lamp",
                "duration_ms": 1,
                "destination": "mqtt",
            },
            "output",
            "no hay salida 'lamp'; este sitio tiene: ninguno",
        ),
        ("/settings/doors/times/1", {"held_open_s": "9999"}, "held_open_s", "permitido: 0 a 3600"),
        (
            "/settings/doors/times/1",
            {**TIMES, "rex_mode": "1"},
            "rex_mode",
            "no tiene botón de salida",
        ),
        ("/settings/doors/floors/0", {"name": "", "portal_id": 1}, "name", "falta completar"),
        (
            "/settings/doors/floors/0",
            {"name": "G", "elevator_id": "1.7", "portal_id": 1, "selection_ms": 500},
            "elevator_id",
            "no tiene relé para el piso 7; tiene: 1, 2",
        ),
    ],
)
def test_a_refusal_is_at_its_field_and_in_the_language_of_the_visit(
    technician: FlaskClient, path: str, typed: dict[str, Any], field: str, said: str
) -> None:
    text = refused(technician, path, "es", **typed)
    assert f'data-field="{field}"' in text
    assert said in text
    if said:
        assert "Invalid member" not in text


def test_a_refusal_of_several_fields_names_them_all(technician: FlaskClient) -> None:
    row = {"portal_id": 1, "time_zone_id": 1, "mode": 1}
    assert technician.post("/rules/factors", data=row).status_code == 303
    text = refused(technician, "/rules/factors", "pt", **row)
    assert '<span class="of several">Portal, Horário: </span>já existe um igual' in text


def test_a_refusal_that_nobody_translated_is_shown_as_it_is() -> None:
    with speaking("en"):
        said = form_refusal(InvalidRequest("keys: strange"), {"keys": "Keys, before #"})
    assert (said.field, said.label, said.why, said.text) == (
        "keys",
        "Keys, before #",
        "",
        "keys: strange",
    )
    none = form_refusal(InvalidRequest("it is strange"), {"keys": "Keys, before #"})
    assert (none.field, none.label) == ("", "")


def test_words_within_words_are_said_in_the_same_language() -> None:
    why = worded(
        "%(door)s has no exit button",
        door=worded("door %(number)s (%(name)s)", number=1, name="A%"),
    )
    with speaking("es"):
        error = InvalidRequest("", members=("rex_mode",), why=why)
        assert form_refusal(error, {}).why == "la puerta 1 (A%) no tiene botón de salida"


def test_a_row_whose_ties_are_refused_is_not_left_half_made(
    technician: FlaskClient, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    typed: dict[str, Any] = {"name": "Half", "door_group_doors": ["1", "77"]}
    text = refused(technician, "/settings/doors/groups/0", "es", **typed)
    assert "no hay puerta 77; este sitio tiene: 1, 2" in text
    assert "Half" not in [row["name"] for row in store.load({"object": "door_groups"}).rows]
    gone: dict[str, Any] = {"name": "Half", "zones": ["1", "5"]}
    refused(technician, "/settings/zone-sets/0", **gone)
    assert "Half" not in [row["name"] for row in store.load({"object": "zone_sets"}).rows]


@pytest.mark.parametrize(
    ("language", "typed", "place"),
    [
        ("en", "escort", "/inside"),
        ("es", "amenaza", "/threat-levels"),
        ("pt", "gesto", "/settings/gestures"),
        ("es", "disparador", "/triggers"),
        ("pt", "visitantes", "/inside"),
        ("en", "floors", "/settings/doors/unlocks"),
    ],
)
def test_the_search_of_settings_finds_what_is_set_under_more(
    technician: FlaskClient, language: str, typed: str, place: str
) -> None:
    technician.set_cookie(LANGUAGE_COOKIE, language)
    assert f'href="{place}"' in technician.get(f"/settings?q={typed}").text
    assert 'href="/triggers"' not in technician.get("/settings").text


def test_only_readers_and_buttons_of_a_door_are_offered_for_its_operator(
    technician: FlaskClient, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    store.insert_or_modify(
        "portals", [{"id": 2, "name": "gate", "area_from_id": 1, "area_to_id": 1}]
    )
    action = {"id": 2, "name": "gate", "action": "door", "parameters": "door=2", "run_at": 0}
    store.insert_or_modify("actions", [action])
    store.insert_or_modify("portal_actions", [{"portal_id": 2, "action_id": 2}])
    for name, rows in reader_binding_rows([(1, 1), (2, 2)]).items():
        store.insert_or_modify(name, list(rows))
    text = technician.get("/settings/doors/operators").text
    assert "Door 2" in text
    assert ">gate</label>" in text
    assert ">front</label>" not in text
    assert 'name="by_button"' not in text


def test_a_zone_without_a_row_chimes_and_stays_off(
    technician: FlaskClient, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    store.destroy("alarm_zones", None)
    assert technician.post("/settings/zone-sets/chime", data={"zones": "3"}).status_code == 303
    fields = ["zone", "enabled", "chime"]
    rows = store.load({"object": "alarm_zones", "fields": fields}).rows
    assert [dict(row) for row in rows] == [{"zone": 3, "enabled": 0, "chime": 1}]
    technician.set_cookie(LANGUAGE_COOKIE, "es")
    assert ">Zona 3</label>" in technician.get("/settings/zone-sets").text


def test_a_gesture_is_for_single_people_and_a_rule_unlocks_by_schedule(
    technician: FlaskClient, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    store.destroy("portal_gestures", None)
    boxes = technician.get("/people/boxes?q=an&people=1").text
    assert boxes.count("<input") == boxes.count("checked") == 1
    typed = {"portal_id": 1, "gesture": 1, "people": 1}
    assert technician.post("/settings/gestures/0", data=typed).status_code == 303
    [tie] = store.load({"object": "portal_gesture_users"}).rows
    assert tie["user_id"] == 1
    store.destroy("portal_gesture_users", None)
    technician.set_cookie(LANGUAGE_COOKIE, "en")
    assert "Without effect" in technician.get("/settings/gestures").text

    unlocks = {"name": "Lobby by day", "scheduled_unlock_access_rules": "1"}
    assert technician.post("/settings/doors/unlocks/0", data=unlocks).status_code == 200
    [rule] = store.load({"object": "scheduled_unlock_access_rules"}).rows
    assert rule["access_rule_id"] == 1
