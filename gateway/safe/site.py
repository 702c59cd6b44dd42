"""What the safe page takes from the site file, without the checks of a release that may fail."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.files import read_whole

FILES = ("gateway.toml", "gateway.toml.last-good")
"""In this order."""
LARGEST = 1 << 20
INSTALLED = ("0.0.0.0:80", "0.0.0.0:443")
"""Where an installed device listens, if no file says otherwise."""


@dataclass(frozen=True, slots=True)
class SafeDoor:
    """A door, and what its relay does while the controller does not work."""

    name: str
    unlocked: bool


@dataclass(frozen=True, slots=True)
class SafeSite:
    """The device's name, where it listens, and its doors."""

    name: str = ""
    plain: str | None = INSTALLED[0]
    tls: str | None = INSTALLED[1]
    doors: tuple[SafeDoor, ...] = ()


def read_safe_site(data: Path) -> SafeSite:
    """From the first file of `data` that is TOML; that of a new device without one."""
    for name in FILES:
        try:
            text = read_whole(data / name, LARGEST).decode("utf-8-sig")
            return _site(tomllib.loads(text))
        except (OSError, ValueError, RecursionError):
            continue
    return SafeSite()


def _site(found: dict[str, Any]) -> SafeSite:
    site, http = _table(found.get("site")), _table(found.get("http"))
    name = site.get("name")
    listen, tls = http.get("listen"), http.get("tls")
    if not isinstance(listen, str):
        listen, tls = "127.0.0.1:8080", None  # as gateway.settings has it
    return SafeSite(
        name=name if isinstance(name, str) else "",
        plain=None if http.get("plain") is False else listen,
        tls=tls if isinstance(tls, str) else None,
        doors=tuple(_doors(found)),
    )


def _doors(found: dict[str, Any]) -> Iterator[SafeDoor]:
    for table in ("door", "sec_box", "turnstile"):
        listed = found.get(table, [])
        for door in listed if isinstance(listed, list) else [listed]:
            words = _table(door)
            shown = words.get("title", words.get("name"))
            if isinstance(shown, str):
                yield SafeDoor(shown, words.get("on_fault") == "unlocked")


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def address(text: str) -> tuple[str, int]:
    """Host and port. Raises ValueError."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
