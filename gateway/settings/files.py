"""The site file on disk: reading it, saying what is wrong with it, and noticing that it was cut.

A site file ends with `END_LINE`, which `init` and `gateway site accept` write: a file that was cut
off, by a full card or a broken connection, has lost it. Besides, nothing that the last good copy
has may be missing, unless somebody accepted the file with `gateway site accept`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.files import read_whole, write_whole
from gateway.settings.refusals import describe
from gateway.settings.site import SiteFile
from gateway.settings.toml_text import decode, parse
from gateway.settings.trial import drop_trial, read_trial

SITE_FILE = "gateway.toml"
LAST_GOOD = "gateway.toml.last-good"
"""Copy of the site file with which a controller last came up. Those before it have a number
behind that name."""
GENERATIONS = 3
"""Copies that are kept."""
ACCEPTED = "gateway.toml.accepted"
"""SHA-256 of the text that somebody accepted as it is."""
END_LINE = "# End of site file. Keep this line last: without it the file counts as cut off."
LARGEST = 1 << 20
"""Bytes of a site file."""


class Origin(StrEnum):
    """Where the site file in force comes from."""

    FILE = "file"
    LAST_GOOD = "last_good"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class RunningSite:
    """A site file as it is in force."""

    site: SiteFile
    text: str
    origin: Origin
    refused: str = ""
    """Why the site file itself is not used, with a last good copy."""

    @property
    def digest(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return text_digest(self.text)


_END = re.compile(r"#\s*end of site file\b", re.IGNORECASE)


def read_site(path: Path) -> SiteFile:
    """The checked site file at `path`.

    Raises SettingsError when it is missing, is not TOML, or breaks a rule.
    """
    return parse_site(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of the site file at `path`. Raises SettingsError if it is missing or no text."""
    try:
        return decode(read_whole(path, LARGEST), str(path))
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


def read_current_site(data: Path) -> SiteFile:
    """The site file of the data directory `data`.

    Raises SettingsError when it cannot be used, may be cut off, or lacks what its last good copy
    has, and nobody has accepted that.
    """
    return _current(data)[0]


def _current(data: Path) -> tuple[SiteFile, str]:
    """As `read_current_site`, with the text."""
    path = data / SITE_FILE
    text = read_text(path)
    site = parse_site(text, str(path))
    good, accepted = next(_copies(data), None), _accepted(data)
    # Without either, nobody can say what it was: it was written by hand, or by an older program.
    if text == good or text_digest(text) == accepted or good is accepted is None:
        return site, text
    problem = end_problem(text)
    if problem:
        raise SettingsError(f"{path} {problem}")
    missing = missing_parts(data, site)
    if missing:
        raise SettingsError(
            f"{path} has no longer what its last good copy has: {', '.join(missing)}. Put it back, "
            f"or accept the file as it is: `gateway site accept --data {data}`"
        )
    return site, text


def read_running_site(data: Path) -> SiteFile:
    """As `running_site`, without its origin."""
    return running_site(data).site


def running_site(data: Path) -> RunningSite:
    """The site file of a running device: the one on trial, else that of `stored_site`."""
    return site_on_trial(data) or stored_site(data)


def site_on_trial(data: Path) -> RunningSite | None:
    """The site file with which a controller came up in this boot, and that nobody has confirmed;
    None without one."""
    trial = read_trial(data)
    if trial is None or not trial.in_force:
        return None
    try:
        site = parse_site(trial.text, "the site file on trial")
    except SettingsError:
        return None
    return RunningSite(site, trial.text, Origin.TRIAL)


def stored_site(data: Path) -> RunningSite:
    """The site file; if it is invalid, its last good copy, with a warning.

    A door must work after a power cut even if the file has a typo. Raises SettingsError if neither
    can be used.
    """
    try:
        return RunningSite(*_current(data), Origin.FILE)
    except SettingsError as error:
        good = _last_good(data)
        if good is None:
            raise
        # Imported here: it takes a third of the time in which `safe-relays` must act.
        import structlog

        log = structlog.get_logger("site")
        log.warning("the site file is refused; going on with its last good copy", why=str(error))
        return RunningSite(*good, Origin.LAST_GOOD, str(error))


def end_problem(text: str) -> str:
    """What is wrong with the end of a site file; empty when it is whole."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and _END.match(lines[-1]):
        return ""
    if any(_END.match(line) for line in lines):
        return "has something below its end line: move the line '# End of site file' to the end"
    return (
        "does not end with the line '# End of site file', so it may be cut off: see whether all is "
        "there, then write that line last"
    )


def with_end(text: str) -> str:
    """`text` with its end line."""
    if not end_problem(text):
        return text
    return f"{text.rstrip()}\n\n{END_LINE}\n"


def without_end(text: str) -> str:
    """`text` without its end line and the space before that."""
    lines = text.rstrip().splitlines()
    while lines and (not lines[-1].strip() or _END.match(lines[-1].strip())):
        lines.pop()
    return "\n".join(lines)


def missing_parts(data: Path, site: SiteFile) -> list[str]:
    """What the last good copy has, and `site` has fewer of: doors, readers, outputs or inputs.

    Parts count by their kind, since those that were given another name or pin are not missing.
    """
    good = _last_good(data)
    if good is None:
        return []
    missing = []
    for old, new in zip(_parts(good[0]), _parts(site), strict=True):
        if len(new) < len(old):
            missing += [part for part in old if part not in new] or [f"one of {', '.join(old)}"]
    return list(dict.fromkeys(missing))


def accept_site(data: Path) -> None:
    """Let the site file of `data` count as whole and meant: with its end line, and on record.

    Raises SettingsError when it cannot be read or written. Whether it can be used is not checked.
    """
    path = data / SITE_FILE
    text = read_text(path)
    try:
        if end_problem(text):
            text = with_end(text)
            write_whole(path, text.encode(), like=path)
        _note_accepted(data, text)
    except OSError as error:
        raise SettingsError(f"{path} cannot be accepted: {error}") from error


def keep_site(data: Path, text: str) -> None:
    """Make `text`, with which a controller came up and which somebody confirmed, the site file and
    the last good copy, and end its trial.

    After a crash at any point it is the old file or the new one that counts. Raises OSError.
    """
    _note_accepted(data, text)
    path = data / SITE_FILE
    write_whole(path, text.encode(), like=path)
    keep_last_good(data, text)
    drop_trial(data)


def good_copies(data: Path) -> list[str]:
    """The last good copies that can be read, the newest first."""
    return [text for text in map(_kept, _places(data)) if text is not None]


def keep_last_good(data: Path, text: str) -> None:
    """Keep `text`, with which a controller came up, as the last good copy of the site file of
    `data`. Raises OSError."""
    site_file = data / SITE_FILE
    kept = [_kept(path) for path in _places(data)]
    if kept[0] == text:
        return
    # The oldest first, so that at no time there is none.
    for path, before in reversed([*zip(_places(data)[1:], kept, strict=False)]):
        if before is not None:
            with suppress(OSError):
                write_whole(path, before.encode(), like=site_file)
    write_whole(_places(data)[0], text.encode(), like=site_file)


def _places(data: Path) -> list[Path]:
    return [data / LAST_GOOD, *(data / f"{LAST_GOOD}.{it}" for it in range(1, GENERATIONS))]


def _kept(path: Path) -> str | None:
    try:
        return read_text(path)
    except SettingsError:
        return None


def _copies(data: Path) -> Iterator[str]:
    """The last good copies that can be read, the newest first, whole ones before others."""
    yield from sorted(good_copies(data), key=lambda text: bool(end_problem(text)))


def _last_good(data: Path) -> tuple[SiteFile, str] | None:
    for text in _copies(data):
        with suppress(SettingsError):
            return parse_site(text, LAST_GOOD), text
    return None


def _note_accepted(data: Path, text: str) -> None:
    write_whole(data / ACCEPTED, f"{text_digest(text)}\n".encode(), mode=0o644)


def _accepted(data: Path) -> str | None:
    try:
        return read_whole(data / ACCEPTED, 100).decode("ascii").strip()
    except (OSError, ValueError):
        return None


def text_digest(text: str) -> str:
    """SHA-256 of the text of a site file, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _parts(site: SiteFile) -> tuple[list[str], ...]:
    """Doors, readers, switched outputs, and all pins, with those of locks and inputs."""
    doors = [f"door {door.name!r}" for door in site.doors()]
    if site.turnstile is not None:
        doors.append(f"turnstile {site.turnstile.name!r}")
    readers = [f"reader {reader.name!r}" for reader in site.reader]
    switches = [name for name, _ in site.switches()]
    return doors, readers, switches, [f"{key} (pin {pin})" for pin, key in site.pins()]
