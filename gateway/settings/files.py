"""The site file on disk: reading it, and saying what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings.site import SiteFile

SITE_FILE = "gateway.toml"
LAST_GOOD = "gateway.toml.last-good"
"""Copy of the site file with which a controller last came up."""


def read_site(path: Path) -> SiteFile:
    """The checked site file at `path`.

    Raises SettingsError when it is missing, is not TOML, or breaks a rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"there is no site file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    return parse_site(text, str(path))


def parse_site(text: str, name: str) -> SiteFile:
    """The checked site file in `text`, called `name` in the SettingsError that it may raise."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} cannot be read: {error}") from error
    try:
        return SiteFile.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{name}: {describe(error, data)}") from error


def read_running_site(data: Path) -> SiteFile:
    """The site file of a device that is at work, or its last good copy, loudly.

    A door must come up after a power cut even if somebody left a typo in the file. Raises
    SettingsError when neither can be used.
    """
    try:
        return read_site(data / SITE_FILE)
    except SettingsError as error:
        if not (data / LAST_GOOD).exists():
            raise
        # Only here: it takes a third of the time in which the relays are put safe.
        import structlog

        log = structlog.get_logger("site")
        log.warning("the site file is refused; going on with its last good copy", why=str(error))
        return read_site(data / LAST_GOOD)


def describe(error: ValidationError, data: Mapping[str, Any]) -> str:
    """Each refusal of the settings in `data`: the key, what was wrong, what was found."""
    lines = []
    for problem in error.errors(include_url=False):
        key = _key(problem["loc"], data)
        kind, found = problem["type"], problem["input"]
        message = problem["msg"].removeprefix("Value error, ")
        if kind in _PLAINLY:
            message = _PLAINLY[kind]
        elif kind == "union_tag_not_found":
            key, message = f"{key} kind", _PLAINLY["missing"]
        elif kind == "union_tag_invalid":
            key, found = f"{key} kind", problem["ctx"]["tag"]
            message = f"Input should be one of {problem['ctx']['expected_tags']}"
        told = "" if kind == "missing" or isinstance(found, dict) else f" (found {found!r})"
        lines.append(f"{key}: {message}{told}" if key else f"{message}{told}")
    return "; ".join(lines)


_PLAINLY = {
    "extra_forbidden": "unknown key",
    "missing": "missing key",
    "model_type": "a table is needed, such as { pin = 17, ... }",
    "tuple_type": "a list is needed, such as [ ... ]",
    "int_parsing": "a whole number is needed",
}
"""Where the words of pydantic are about Python and not about the file."""


def _key(loc: Sequence[int | str], data: Mapping[str, Any]) -> str:
    """A place in the file as its writer knows it: `reader 'front' d0`, not `reader.0.wiegand.d0`.

    A table of a list is told by its name or number, or else counted from 1.
    """
    if len(loc) < 2 or not isinstance(loc[1], int):
        return ".".join(str(part) for part in loc)
    table, _, *rest = loc
    listed = data.get(str(table))
    item = listed[loc[1]] if isinstance(listed, list) else None
    given: Mapping[str, Any] = item if isinstance(item, dict) else {}
    if rest and rest[0] == given.get("kind"):
        rest = rest[1:]  # which class of reader it is says `kind`
    name = given.get("name", given.get("number"))
    told = f"{table} {name!r}" if name is not None else f"{table} no. {loc[1] + 1}"
    return f"{told} {'.'.join(str(part) for part in rest)}".strip()
