"""Configuration keys in words, and the addresses where they are set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from gateway.access.reasons import Reason
from gateway.explain.cures import CureAction, cures_of
from gateway.objects.configuration import SettingGroup
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.web.setting_words import address, allowed, default_words
from gateway.web.views import VIEWS
from gateway.web.views.configuration import GROUPS
from gateway.web.views.settings import ELSEWHERE
from gateway.web.views.settings import PLACES as SETTINGS
from gateway.web.why_words import PLACES, shown_cures

LIVE = [key for key in CONFIGURATION if key.live]
ROUTES = Map([Rule(it.path, methods=[it.method], endpoint=it.path) for it in VIEWS]).bind("device")
TARGET = dict.fromkeys(("user_id", "time_zone_id", "rule_id", "card_value"), 7)


def test_every_live_key_is_told_in_words() -> None:
    assert not [key.name for key in LIVE if not (key.label and key.help)]
    assert set(GROUPS.values()) == set(SettingGroup) == {key.group for key in LIVE}
    for key in LIVE:
        assert default_words(key), key.name
        assert not key.choices or key.default in key.choices, key.name
        assert all(key.choices.values()), key.name


def test_no_two_keys_of_one_place_have_the_same_words() -> None:
    told = [(key.door, key.reader, key.effect, key.label) for key in LIVE]
    assert len(set(told)) == len(told)


def test_limits_are_told_in_words() -> None:
    told = {key.name: allowed(key) for key in LIVE}
    assert told["general.relay1_timeout"] == "100 to 600000 ms"
    assert told["monitor.port"] == "1 to 65535, or empty"
    assert told["general.exception_mode"] == ""


@pytest.mark.parametrize("key", LIVE, ids=lambda key: key.name)
def test_every_live_key_has_a_place(key: Any) -> None:
    at = urlsplit(address(key.module, key.key))
    assert ROUTES.match(at.path, method="GET")[1] == {"slug": key.group.slug}
    assert at.fragment == key.name


def reachable(place: str) -> None:
    try:
        ROUTES.match(urlsplit(place).path, method="GET")
    except NotFound:
        pytest.fail(f"no view at {place}")


def test_every_place_of_a_cure_or_of_the_index_is_a_view() -> None:
    for place in PLACES.values():
        reachable(place % TARGET)
    for place, *_ in (*SETTINGS, *ELSEWHERE):
        reachable(place)


@pytest.mark.parametrize("reason", [Reason.NO_SECOND_FACTOR_HERE, Reason.TURNSTILE_BLOCKED])
def test_a_cure_by_a_setting_leads_to_that_setting(reason: Reason) -> None:
    case: Any = SimpleNamespace(reason=reason, person=None, facts={})
    [cure] = cures_of(case, ())
    [shown] = shown_cures({"cures": [{"action": cure.action, "target": cure.target}]})
    assert shown.action is CureAction.CONFIGURE
    assert shown.place == address(str(cure.target["module"]), str(cure.target["key"]))
    assert "#" in shown.place
