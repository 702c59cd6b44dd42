"""Every text of the page is translated into every language, and nothing else is in a catalogue."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import polib
import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from jinja2.ext import babel_extract

from gateway.hardware.boards.profiles import board_names, load_profile
from gateway.objects.configuration import SettingGroup
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings.hats import hat_names, load_hat
from gateway.web.languages import ENGLISH, LANGUAGES, catalogues, gettext, speaking

_PAGE = Path(str(files("gateway.web")))
_KEYWORDS = DEFAULT_KEYWORDS | {"noted": None, "_": None}
_NAMES = re.compile(r"%\((\w+)\)s|%%")
TRANSLATED = sorted(set(LANGUAGES) - {ENGLISH})


def _ids() -> set[str]:
    found: set[str] = set()
    for file in _PAGE.rglob("*.py"):
        said = extract("python", BytesIO(file.read_bytes()), _KEYWORDS)
        found |= {_first(message) for _, message, _, _ in said}
    options = {"trimmed": "true", "silent": "false"}
    for file in _PAGE.rglob("*.html"):
        shown = babel_extract(BytesIO(file.read_bytes()), list(_KEYWORDS), (), options)
        found |= {_first(message) for _, _, message, _ in shown}
    for file in _PAGE.parent.rglob("*.py"):
        # What other rooms say of a request, which the page says to people.
        worded = extract("python", BytesIO(file.read_bytes()), {"worded": None})
        found |= {_first(message) for _, message, _, _ in worded}
    for group in SettingGroup:
        found |= {group.title, group.about}
    for key in CONFIGURATION:
        if key.live:
            found |= {key.label, key.help, key.unit, key.danger, *key.worded.values()}
            # The headings of doors and readers are their names.
            found |= set() if key.door or key.reader else {key.effect}
    found |= {load_hat(name).title for name in hat_names()}
    found |= {load_profile(name).title for name in board_names()}
    return found - {""}


def _first(message: str | tuple[str | None, ...] | None) -> str:
    return (message[0] if isinstance(message, tuple) else message) or ""


IDS = _ids()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_every_text_once_and_nothing_else(language: str) -> None:
    entries = [entry for file in catalogues(language) for entry in polib.pofile(file.read_text())]
    counts = Counter(entry.msgid for entry in entries)
    assert not sorted(IDS - set(counts)), "missing"
    assert not sorted(set(counts) - IDS), "unused"
    assert not [text for text, count in counts.items() if count > 1], "doubled"
    assert not [it.msgid for it in entries if not it.translated()], "empty or fuzzy"


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_names_of_its_text(language: str) -> None:
    for file in catalogues(language):
        for entry in polib.pofile(file.read_text()):
            wanted = set(_NAMES.findall(entry.msgid)) | set(_NAMES.findall(entry.msgid_plural))
            for said in entry.msgstr_plural.values() or [entry.msgstr]:
                assert set(_NAMES.findall(said)) <= wanted, (file.name, entry.msgid)
                if not entry.msgid_plural:
                    assert set(_NAMES.findall(said)) == wanted, (file.name, entry.msgid)
                assert "%" not in _NAMES.sub("", said), (file.name, entry.msgid)


def test_a_text_is_said_in_the_language_of_the_visit() -> None:
    assert gettext("Doors") == "Doors"
    with speaking("pt"):
        assert gettext("Doors") == "Portas"
    with speaking("es"):
        assert gettext("Sign out %(login)s", login="ana") == "Cerrar la sesión de ana"
