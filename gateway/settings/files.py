"""The site file on disk: reading it, and saying what is wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path

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
        return SiteFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} cannot be read: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{name}: {describe(error)}") from error


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


def describe(error: ValidationError) -> str:
    """Each refusal of a settings file on a line: the key, what was wrong, what was found."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"]) or "file"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key"
        if problem["type"] == "missing":
            lines.append(f"{key}: missing key")
        elif isinstance(problem["input"], dict):
            lines.append(f"{key}: {message}")
        else:
            lines.append(f"{key}: {message} (found {problem['input']!r})")
    return "; ".join(lines)
