"""Changing a reader's formats in a site file that somebody wrote by hand."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.wiegand import FORMATS
from gateway.errors import SettingsError
from gateway.settings import parse_site
from gateway.settings.edit import with_reader, with_reader_formats
from tests.demo_site import DEMO

HEAD = '[[reader]]\nindex = 2\nname = "back"\n'


@given(st.lists(st.sampled_from([*FORMATS]), min_size=1, unique=True))
def test_the_demos_file_changes_in_one_line_alone(formats: list[str]) -> None:
    changed = with_reader_formats(DEMO, "front", formats)
    before, after = DEMO.splitlines(), changed.splitlines()
    assert len(after) == len(before) + 1
    (added,) = [line for line in after if line.startswith("formats")]
    assert [line for line in after if line != added] == before
    (front, _qr) = tomllib.loads(changed)["reader"]
    assert front["formats"] == formats
    assert with_reader_formats(changed, "front", formats) == changed


@pytest.mark.parametrize(
    "old",
    [
        'formats = ["w26"]\n',
        "formats=['w26','w34'] # as fitted\n",
        'formats = [\n  "w26", # one\n  "w34",\n]\n',
        '  formats = ["w26"]\r\n',
    ],
)
def test_formats_that_stand_there_are_replaced(old: str) -> None:
    other = f'[[reader]]\nname = "front"\n{old}pin = 5\n'
    changed = with_reader_formats(f"{other}\n{HEAD}{old}portal = 1\n", "back", ["w37"])
    front, back = tomllib.loads(changed)["reader"]
    assert back == {"index": 2, "name": "back", "formats": ["w37"], "portal": 1}
    assert changed.startswith(other)
    assert front["formats"] != ["w37"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD.replace("back", "other"),
        'reader = [{ name = "back" }]\n',
        '[[reader]]\nname = "back"\nprefix = """\nformats = ["x"]\n"""\n',
        '[[reader]\nname = "back"\n',
    ],
)
def test_what_cannot_be_changed_safely_is_refused_with_the_line(text: str) -> None:
    with pytest.raises(SettingsError, match=r'write formats = \["w37"\] into its table'):
        with_reader_formats(text, "back", ["w37"])


TABLE = {"name": "side", "index": 3, "kind": "osdp", "portal": 2, "port": "simulated"}


def test_a_further_reader_stands_before_the_end_line_and_all_else_stays() -> None:
    changed = with_reader(DEMO, TABLE)
    before, after = DEMO.rstrip().splitlines(), changed.rstrip().splitlines()
    assert after[: len(before) - 1] == before[:-1]
    assert after[len(before) - 1 : -2] == [
        "[[reader]]",
        'name = "side"',
        "index = 3",
        'kind = "osdp"',
        "portal = 2",
        'port = "simulated"',
    ]
    assert after[-1] == before[-1]
    assert [it.name for it in parse_site(changed, "demo").reader] == ["front", "qr", "side"]


@pytest.mark.parametrize("text", ["reader = []\n", "[[reader]\n", '[reader]\nname = "x"\n'])
def test_a_text_that_takes_no_further_reader_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="another reader"):
        with_reader(text, TABLE)
