"""The texts of the safe page; words.toml has them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

LANGUAGES = ("en", "pt", "es")


def read_words() -> Mapping[str, Mapping[str, str]]:
    """Language -> name of a text -> text."""
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def language_of(accepted: str) -> str:
    """The first language of `Accept-Language` that there is, else English."""
    for part in accepted.split(","):
        word = part.split(";")[0].split("-")[0].strip().lower()
        if word in LANGUAGES:
            return word
    return LANGUAGES[0]
