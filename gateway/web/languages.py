"""The page's languages: gettext catalogues, one per area of the page, read when first needed.

English texts are the ids. A text may hold `%(name)s`; a literal per cent sign is written `%%`.
"""

from __future__ import annotations

import gettext as standard
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from werkzeug.datastructures import LanguageAccept

LANGUAGES = {"en": "English", "pt": "Português", "es": "Español"}
"""By the code that a browser asks for."""
ENGLISH = "en"

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def chosen(wanted: str | None, accepted: LanguageAccept) -> str:
    """The language that a person chose, else the best that the browser accepts, else English."""
    if wanted in LANGUAGES:
        return wanted
    return accepted.best_match(list(LANGUAGES), ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Let `gettext` translate into `language`, one of LANGUAGES, in this context."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def current() -> str:
    """The language that `gettext` translates into."""
    return _language.get()


def gettext(text: str, /, **values: object) -> str:
    """`text` in the current language, with `values` in the place of its names."""
    return lookup(text) % values


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The text for `count`, which is `%(num)s` in it."""
    return lookup_plural(one, many, count) % {"num": count, **values}


def noted(text: str) -> str:
    """Marks a text of a table for the catalogues; `gettext` translates it where it is shown."""
    return text


def lookup(text: str) -> str:
    """`text` in the current language, its names not replaced."""
    return _translations(_language.get()).gettext(text)


def lookup_plural(one: str, many: str, count: int) -> str:
    """The text for `count` in the current language, its names not replaced."""
    return _translations(_language.get()).ngettext(one, many, count)


def catalogues(language: str) -> list[Traversable]:
    """The catalogue files of `language`, sorted by name."""
    folder = files("gateway.web") / "locale" / language
    found = [file for file in folder.iterdir() if file.name.endswith(".po")]
    return sorted(found, key=lambda file: file.name)


@cache
def _translations(language: str) -> standard.NullTranslations:
    if language == ENGLISH:
        return standard.NullTranslations()
    # Imported late: a device nobody looks at needs no catalogue.
    from polib import POFile, pofile

    merged = POFile()
    for file in catalogues(language):
        area = pofile(file.read_text(encoding="utf-8"))
        merged.metadata = area.metadata
        merged.extend(area)
    return standard.GNUTranslations(io.BytesIO(merged.to_binary()))
