"""Installs a signed update on a device that the Debian package was installed on; needs root.

The package itself backs the data up, stops, starts, and goes back (systemd/debian/maintainer). What
is here checks the update in a place that no other user can change, hands it to dpkg and notes how
it went.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import GatewayError, NotSupportedHere, TooBusy
from gateway.files import read_whole
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


class UpdateOutcome(StrEnum):
    """How the last update went."""

    RUNS = "runs"
    DONE = "done"
    WENT_BACK = "went_back"
    FAILED = "failed"


class UpdateNote(BaseModel):
    """What is known of the last update."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    form: int = 1
    outcome: UpdateOutcome
    former: str
    """The release that was installed before."""
    version: str
    signed_by: str
    at: datetime
    said: tuple[str, ...] = ()
    """Lines of the package's scripts."""


def installed_version() -> tuple[str, str]:
    """Release of the gateway and Debian release of the installed package.

    Raises NotSupportedHere where there is none.
    """
    words = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", PACKAGE]
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    state, _, version = said.partition(" ")
    release, _, debian = version.partition("~")
    if state != "installed" or not debian:
        raise NotSupportedHere(
            "updates need the Debian package, and this program was installed otherwise; "
            "`make install` upgrades it"
        )
    return release, debian


def architecture() -> str:
    """Of this machine, as Debian names it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def check_update(file: BinaryIO, *, older: bool = False) -> UpdateFacts:
    """Check that the update in `file` is trusted and fits this device; the file then stands at the
    package. Raises UpdateRefused or NotSupportedHere."""
    release, debian = installed_version()
    update = check_bundle(file, read_keys())
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


def install_checked(copy: BinaryIO, update: UpdateFacts, work: Path = WORK) -> UpdateNote:
    """Install the package at which `copy` stands after `check_update`; how it went."""
    former, _ = installed_version()
    note = UpdateNote(
        outcome=UpdateOutcome.RUNS,
        former=former,
        version=update.version,
        signed_by=update.signed_by,
        at=datetime.now(UTC),
    )
    _write(work, note)
    package = work / "private" / "update.deb"
    with package.open("xb") as file:
        shutil.copyfileobj(copy, file)
    code, said = _dpkg(package)
    outcome = UpdateOutcome.DONE if code == 0 else UpdateOutcome.FAILED
    if any("runs as before" in line for line in said):
        outcome = UpdateOutcome.WENT_BACK
    note = note.model_copy(
        update={"outcome": outcome, "said": tuple(said), "at": datetime.now(UTC)}
    )
    _write(work, note)
    return note


def last_update(work: Path = WORK) -> UpdateNote | None:
    """How the last update went; None without one, or one whose note cannot be read."""
    try:
        note = UpdateNote.model_validate_json(read_whole(work / NOTE, LARGEST_NOTE))
    except (OSError, ValidationError):
        return None
    return note if note.form == 1 else None


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


def _dpkg(package: Path) -> tuple[int, list[str]]:
    """Its exit code and what the package's scripts said; all of its output is shown."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    said: list[str] = []
    try:
        with subprocess.Popen(  # noqa: S603 - the package was checked
            ["/usr/bin/dpkg", "-i", str(package)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
        ) as running:
            assert running.stdout is not None  # noqa: S101 - for the type checker
            for line in running.stdout:
                print(line, end="", flush=True)  # noqa: T201 - for the terminal, or the system's log
                if line.startswith((_SAID, "dpkg: error")):
                    said = [*said, line.removeprefix(_SAID).strip()[:300]][-_MOST_SAID:]
    except OSError as error:
        raise GatewayError(f"dpkg cannot be started: {error}") from error
    return running.returncode, said


def _write(work: Path, note: UpdateNote) -> None:
    beside = work / f"{NOTE}.new"
    with suppress(FileNotFoundError):
        beside.unlink()
    beside.write_text(note.model_dump_json() + "\n", encoding="utf-8")
    beside.chmod(0o644)
    beside.rename(work / NOTE)
