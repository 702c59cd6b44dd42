"""Reads the site file from disk."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings.refusals import describe
from gateway.settings.site import SiteFile
from gateway.settings.toml_text import decode, parse

SITE_FILE = "gateway.toml"
LAST_GOOD = "gateway.toml.last-good"
"""Copy of the site file with which a controller last started."""


def read_site(path: Path) -> SiteFile:
    """The checked site file at `path`.

    Raises SettingsError when it is missing, is not TOML, or breaks a rule.
    """
    return parse_site(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of the site file at `path`. Raises SettingsError if it is missing or no text."""
    try:
        return decode(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise SettingsError(f"there is no site file {path}{_beside(path)}") from None
    except IsADirectoryError:
        raise SettingsError(f"{path} is a directory: name the site file in it") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _beside(path: Path) -> str:
    """A hint at a similar name in the same directory, such as gateway.toml.txt."""
    try:
        names = sorted(it.name for it in path.parent.iterdir())
    except OSError:
        return ""
    requested = path.name.lower()
    near = [name for name in names if name.lower() in {requested, f"{requested}.txt"}]
    return f", but {near[0]}: rename it" if near else ""


def parse_site(text: str, name: str) -> SiteFile:
    """The checked site file in `text`. Raises SettingsError, which calls the file `name`."""
    data = parse(text, name)
    try:
        return SiteFile.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{name}: {describe(error, data, SiteFile, text)}") from error


def read_running_site(data: Path) -> SiteFile:
    """The site file of a running device; if it is invalid, its last good copy, with a warning.

    A door must work after a power cut even if the file has a typo. Raises SettingsError if neither
    can be used.
    """
    try:
        return read_site(data / SITE_FILE)
    except SettingsError as error:
        if not (data / LAST_GOOD).exists():
            raise
        # Imported here: it takes a third of the time in which `safe-relays` must act.
        import structlog

        log = structlog.get_logger("site")
        log.warning("the site file is refused; going on with its last good copy", why=str(error))
        return read_site(data / LAST_GOOD)
