"""The text that the page writes for a site file, and the lines of what is wrong in one."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.settings import end_problem, parse_site
from gateway.settings.compose import composed
from gateway.settings.problems import located, read_problems
from tests.demo_site import DEMO

scalars = st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20)
tables = st.dictionaries(
    st.sampled_from(["name", "pin", "kind", "a b", "é"]), scalars | st.lists(scalars, max_size=3)
)


def test_the_demo_site_survives_being_written_anew() -> None:
    tables: dict[str, Any] = tomllib.loads(DEMO)
    text = composed(tables)
    assert tomllib.loads(text) == tables
    assert parse_site(text, "new") == parse_site(DEMO, "demo")
    assert end_problem(text) == ""
    assert text.index("[site]") < text.index("[[door]]") < text.index("[[reader]]")


@pytest.mark.hypothesis
@given(
    st.dictionaries(st.sampled_from(["site", "door", "x y"]), tables | st.lists(tables, min_size=1))
)
def test_whatever_is_written_is_read_as_it_was(site: dict[str, Any]) -> None:
    assert tomllib.loads(composed(site)) == site


def test_a_value_that_no_site_file_has_is_refused() -> None:
    for wrong in ({"site": 1}, {"site": {"name": None}}, {"door": [1]}):
        with pytest.raises(SettingsError):
            composed(wrong)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("site.timezone", '[site]\nname = "Demo"\ntimezone'),
        ("door 'back' sensor", "sensor = { pin = 23"),
        ("door 'back' colour", "[[door]]\nid = 2"),
        ("reader 'qr' port", 'port = "simulated"        # on a real site: /dev/serial'),
        ("[initial.alarm] door_sensor_delay", "door_sensor_delay = 30"),
        ("zone 2 pin", "number = 2\npin = 25"),
        ("fire pin", "[fire]                    # a"),
    ],
)
def test_a_place_is_found_in_the_text(place: str, line: str) -> None:
    (problem,) = located(DEMO, [f"{place}: wrong"])
    first = DEMO[: DEMO.index(line)].count("\n") + 1
    last = first + line.count("\n")
    assert problem.line in {first, last, last + (place == "fire pin")}


def test_what_is_no_toml_is_told_with_its_line() -> None:
    site, problems = read_problems('[site]\nname "Depot"\n')
    assert site is None
    assert [problem.line for problem in problems] == [2]
    assert "the equals sign is missing" in problems[0].text
    assert read_problems("")[1][0].line == 0
