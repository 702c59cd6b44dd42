"""Installs a signed update on a device that the Debian package was installed on; needs root.

It needs the standard library alone, so that it also replaces a release whose packages are broken.

The package itself backs the data up, stops, starts, and goes back (systemd/debian/maintainer). What
is here checks the update in a place that no other user can change, hands it to dpkg and notes how
it went.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Self

from gateway.clock import boot_id
from gateway.errors import DeviceUnavailable, GatewayError, NotSupportedHere, TooBusy
from gateway.files import read_whole
from gateway.host.signatures import verified_by_library
from gateway.host.update_bundle import (
    LARGEST_UPDATE,
    UpdateFacts,
    UpdateRefused,
    check_bundle,
    check_fits,
    read_keys,
)

WORK = Path("/var/lib/gateway-update")
"""Root's own; others may read the note of how it went."""
NOTE = "state.json"
LARGEST_NOTE = 16_384
PACKAGE = "gateway"
UPLOADED = "update"
"""What the api process was sent, in the directory of its database."""
INSTALL_S = 1_200.0
"""Limit of dpkg's whole run, with two starts of the services."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SAID = "gateway: "
"""What the package's own scripts say begins so."""
_MOST_SAID = 20
_LONGEST = 300
_STEP = re.compile(r"step (\w+): ")
_WENT_BACK = re.compile(r"\S+ runs as before(?:, because (?P<why>.*))?")


class UpdateOutcome(StrEnum):
    """How the last update went."""

    RUNS = "runs"
    DONE = "done"
    WENT_BACK = "went_back"
    FAILED = "failed"


class UpdateStep(StrEnum):
    """What an installation is at, as the package's scripts name it."""

    KEEP = "keep"
    """Keeps the former package."""
    STOP = "stop"
    """Stops the services."""
    BACK_UP = "back_up"
    """Backs up both databases."""
    START = "start"
    """The files are exchanged; starts the services of the new release."""
    GO_BACK = "go_back"
    """Puts the former release back and starts it."""


@dataclass(frozen=True, slots=True)
class UpdateNote:
    """What is known of the last update."""

    outcome: UpdateOutcome
    former: str
    """The release that was installed before."""
    version: str
    signed_by: str
    at: datetime
    step: UpdateStep | None = None
    """The last one that began."""
    because: str = ""
    """Why the device went back."""
    said: tuple[str, ...] = ()
    """Lines of the package's scripts."""
    boot: str = ""
    """The start of the machine in which it was written."""

    @classmethod
    def read(cls, content: bytes) -> Self:
        """From a note on the disk. Raises ValueError for one that cannot be used."""
        found = json.loads(content)
        if not isinstance(found, dict) or found.get("form") != 1:
            raise ValueError("no note of this form")
        said = found.get("said", [])
        if not isinstance(said, list):
            raise ValueError("said: a list is needed")  # noqa: TRY004 - as json's own errors
        step = found.get("step")
        return cls(
            outcome=UpdateOutcome(_text(found.get("outcome"))),
            former=_text(found.get("former")),
            version=_text(found.get("version")),
            signed_by=_text(found.get("signed_by")),
            at=datetime.fromisoformat(_text(found.get("at"))).astimezone(UTC),
            step=None if step is None else UpdateStep(step),
            because=_text(found.get("because", "")),
            said=tuple(map(_text, said[-_MOST_SAID:])),
            boot=_text(found.get("boot", "")),
        )

    def write(self) -> str:
        """For `read`."""
        return json.dumps({"form": 1, **asdict(self), "at": self.at.isoformat()})

    def heard(self, line: str) -> Self:
        """After a line of the package's scripts."""
        step = _STEP.match(line)
        with suppress(ValueError):
            return replace(
                self,
                step=UpdateStep(step[1]) if step else self.step,
                said=(*self.said, line[:_LONGEST])[-_MOST_SAID:],
            )
        return self  # a step of a later release

    def ended(self, code: int) -> Self:
        """After dpkg ended with `code`."""
        outcome, because = UpdateOutcome.DONE if code == 0 else UpdateOutcome.FAILED, ""
        for line in self.said:
            if found := _WENT_BACK.search(line):
                outcome, because = UpdateOutcome.WENT_BACK, found["why"] or ""
        return replace(self, outcome=outcome, because=because, at=datetime.now(UTC))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is needed")  # noqa: TRY004 - as json's own errors
    return value[:_LONGEST]


def installed_version() -> tuple[str, str]:
    """Release of the gateway and Debian release of the installed package.

    Raises NotSupportedHere where there is none, and DeviceUnavailable while dpkg works on it, as it
    still does for a while after a release went back.
    """
    words = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", PACKAGE]
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    state, _, version = said.partition(" ")
    release, _, debian = version.partition("~")
    if state in {"half-configured", "half-installed", "unpacked"}:
        raise DeviceUnavailable("dpkg works on the gateway's package; try again in some minutes")
    if state != "installed" or not debian:
        raise NotSupportedHere(
            "updates need the Debian package, and this program was installed otherwise; "
            "`make install` upgrades it"
        )
    return release, debian


def architecture() -> str:
    """Of this machine, as Debian names it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def check_update(
    file: BinaryIO,
    *,
    older: bool = False,
    verified: Callable[[bytes, bytes, bytes], bool] = verified_by_library,
) -> UpdateFacts:
    """Check that the update in `file` is trusted and fits this device; the file then stands at the
    package. Raises UpdateRefused or NotSupportedHere."""
    release, debian = installed_version()
    update = check_bundle(file, read_keys(), verified)
    check_fits(update, version=release, release=debian, architecture=architecture(), older=older)
    return update


@contextmanager
def prepared(source: Path, work: Path = WORK) -> Iterator[BinaryIO]:
    """A copy of the update at `source` that only root can change, for `check_update` and
    `install_checked`.

    Whoever owns `source` can replace it at any time. Raises UpdateRefused for what is no file or is
    too large, and TooBusy while another update runs.
    """
    if os.geteuid() != 0:
        raise NotSupportedHere("this needs root: sudo gateway update FILE")
    work.mkdir(mode=0o755, exist_ok=True)
    private = work / "private"
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TooBusy("another update is being installed") from None
        shutil.rmtree(private, ignore_errors=True)
        private.mkdir(mode=0o700)
        try:
            with (private / "update").open("x+b") as copy:
                _copy(source, copy)
                yield copy
        finally:
            shutil.rmtree(private, ignore_errors=True)


def install_checked(
    copy: BinaryIO,
    update: UpdateFacts,
    work: Path = WORK,
    begun: Callable[[], None] = lambda: None,
) -> UpdateNote:
    """Install the package at which `copy` stands after `check_update`; how it went.

    `begun` is called as soon as `last_update` tells of it.
    """
    former, _ = installed_version()
    note = UpdateNote(
        outcome=UpdateOutcome.RUNS,
        former=former,
        version=update.version,
        signed_by=update.signed_by,
        at=datetime.now(UTC),
        boot=boot_id(),
    )
    _write(work, note)
    begun()
    package = work / "private" / "update.deb"
    with package.open("xb") as file:
        shutil.copyfileobj(copy, file)
    with _dpkg(package) as running:
        assert running.stdout is not None  # noqa: S101 - for the type checker
        for line in running.stdout:
            print(line, end="", flush=True)  # noqa: T201 - for the terminal, or the system's log
            if line.startswith((_SAID, "dpkg: error")):
                note = note.heard(line.removeprefix(_SAID).strip())
                _write(work, note)
    note = note.ended(running.returncode)
    _write(work, note)
    return note


def note_went_back(because: str, work: Path = WORK) -> None:
    """The last update went back after its installation had ended."""
    note = last_update(work)
    if note is not None:
        went_back, now = UpdateOutcome.WENT_BACK, datetime.now(UTC)
        _write(work, replace(note, outcome=went_back, because=because[:_LONGEST], at=now))


def last_update(work: Path = WORK) -> UpdateNote | None:
    """How the last update went; None without one, or one whose note cannot be read."""
    try:
        note = UpdateNote.read(read_whole(work / NOTE, LARGEST_NOTE))
    except (OSError, ValueError):
        return None
    if note.outcome is UpdateOutcome.RUNS and note.boot != boot_id():
        return replace(note, outcome=UpdateOutcome.FAILED, because="the machine was restarted")
    return note


def _copy(source: Path, copy: BinaryIO) -> None:
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UpdateRefused(f"{source} cannot be read: {error.strerror}") from error
    with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UpdateRefused(f"{source} is no file")
        left = LARGEST_UPDATE
        while part := file.read(min(1 << 20, left + 1)):
            left -= len(part)
            if left < 0:
                raise UpdateRefused(f"{source} is larger than {LARGEST_UPDATE} bytes")
            copy.write(part)
    copy.flush()
    copy.seek(0)


def _dpkg(package: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.Popen(  # noqa: S603 - the package was checked
            ["/usr/bin/dpkg", "-i", str(package)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise GatewayError(f"dpkg cannot be started: {error}") from error


def _write(work: Path, note: UpdateNote) -> None:
    beside = work / f"{NOTE}.new"
    with suppress(FileNotFoundError):
        beside.unlink()
    beside.write_text(note.write() + "\n", encoding="utf-8")
    beside.chmod(0o644)
    beside.rename(work / NOTE)
