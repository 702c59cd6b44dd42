"""The site file on disk: reading it, and saying what is wrong with it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings.refusals import describe
from gateway.settings.site import SiteFile
from gateway.settings.toml_text import decode, parse

SITE_FILE = "gateway.toml"
LAST_GOOD = "gateway.toml.last-good"
"""Copy of the site file with which a controller last came up."""


def read_site(path: Path) -> SiteFile:
    """The checked site file at `path`.

    Raises SettingsError when it is missing, is not TOML, or breaks a rule.
    """
    return parse_site(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of the site file at `path`. Raises SettingsError when it is missing or no text."""
    try:
        return decode(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise SettingsError(f"there is no site file {path}{_beside(path)}") from None
    except IsADirectoryError:
        raise SettingsError(f"{path} is a directory: name the site file in it") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _beside(path: Path) -> str:
    """A file next to it that an editor named otherwise, such as gateway.toml.txt."""
    try:
        names = sorted(it.name for it in path.parent.iterdir())
    except OSError:
        return ""
    requested = path.name.lower()
    near = [name for name in names if name.lower() in {requested, f"{requested}.txt"}]
    return f", but {near[0]}: rename it" if near else ""


def parse_site(text: str, name: str) -> SiteFile:
    """The checked site file in `text`, called `name` in the SettingsError that it may raise."""
    data = parse(text, name)
    try:
        return SiteFile.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{name}: {describe(error, data, SiteFile, text)}") from error


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
