"""What happened, as root finds out for the safe page, which may read neither journal nor units."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from gateway.errors import DeviceUnavailable, NotSupportedHere
from gateway.files import read_whole, write_whole
from gateway.host.update_install import PACKAGE, UpdateOutcome, installed_version, last_update

STORY = Path("/run/gateway-safe/story.json")
FORMER = Path("/var/backups/gateway/former.deb")
SERVICES = ("gateway-api", "gateway-controller")
DATA = "/var/lib/gateway"
PROGRAM = "/usr/lib/gateway/bin/gateway"
GROUP = "gateway-api"
LARGEST = 1 << 18
_LINES = 60
_LONGEST = 400
_COMMAND_S = 30.0


@dataclass(frozen=True, slots=True)
class Story:
    """The state of the device when the safe page came up, and half a minute ago at most."""

    at: str = ""
    """UTC."""
    installed: str = ""
    former: str = ""
    """The release that can be gone back to; empty for none."""
    went_back_from: str = ""
    """The release that the last update was to bring, if the device went back."""
    controller_runs: bool = False
    relays_put: bool = False
    """Whether each lock was put into its `on_fault` state when the page came up, on a kernel that
    keeps it there."""
    last_words: tuple[str, ...] = ()
    """The last line of each service's log."""
    lines: tuple[str, ...] = ()
    """The last lines of both."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """From `tell`; what cannot be read is left out."""
        try:
            found = json.loads(read_whole(path, LARGEST))
        except (OSError, ValueError):
            return cls()
        if not isinstance(found, dict):
            return cls()
        return cls(
            at=_text(found.get("at")),
            installed=_text(found.get("installed")),
            former=_text(found.get("former")),
            went_back_from=_text(found.get("went_back_from")),
            controller_runs=found.get("controller_runs") is True,
            relays_put=found.get("relays_put") is True,
            last_words=_texts(found.get("last_words")),
            lines=_texts(found.get("lines")),
        )


def tell(path: Path, *, begin: bool) -> None:
    """Write the story for the safe page; needs root. With `begin` the page is about to come up."""
    controller_runs = _said(*_STATE) == ["active"]
    story = Story(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        installed=_installed(),
        former=_former(),
        went_back_from=_went_back_from(),
        controller_runs=controller_runs,
        relays_put=_relays_put() if begin and not controller_runs else Story.read(path).relays_put,
        last_words=tuple(
            line
            for name in SERVICES
            for line in _said(*_JOURNAL, "-o", "cat", "-n", "1", "-t", name)
        ),
        lines=tuple(_said(*_JOURNAL, "-o", "short-iso", "-n", str(_LINES), *_identified())),
    )
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o750)
    shutil.chown(path.parent, "root", GROUP)
    write_whole(path, json.dumps(asdict(story)).encode(), mode=0o640)
    shutil.chown(path, "root", GROUP)


_STATE = ("/usr/bin/systemctl", "is-active", f"{SERVICES[1]}.service")
_JOURNAL = ("/usr/bin/journalctl", "-q", "--no-pager", "-b")


def _identified() -> list[str]:
    return [word for name in SERVICES for word in ("-t", name)]


def _relays_put() -> bool:
    """By the release's own program, or, where that is as broken as its services, by the plan that
    the last working one left; a controller that comes up in this moment holds the relays itself."""
    return any(_runs_as_controller(words) for words in _PUTS) and _kept()


def _kept(modules: Path = Path("/sys/module")) -> bool:
    """Whether this kernel says that outputs keep their levels when their program ends."""
    found = modules.glob("pinctrl_*/parameters/persist_gpio_outputs")
    with suppress(OSError):
        return any(path.read_text().strip() == "Y" for path in found)
    return False


_PUTS = (
    (PROGRAM, "safe-relays", "--data", DATA, "--on", "fault"),
    ("/usr/lib/gateway/bin/safe", "relays"),
)


def _runs_as_controller(words: Sequence[str]) -> bool:
    rights = ("--reuid=gateway-controller", "--regid=gateway", "--init-groups", "--inh-caps=-all")
    # As the controller's unit has it.
    environment = {**os.environ, "RUNTIME_DIRECTORY": "/run/gateway:/var/lib/gateway/api-run"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ("/usr/bin/setpriv", *rights, "--no-new-privs", *words),
            check=False,
            timeout=_COMMAND_S,
            capture_output=True,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _installed() -> str:
    with suppress(NotSupportedHere, DeviceUnavailable):
        return "~".join(installed_version())
    return ""


def _former() -> str:
    """Of the kept package, if another release is installed."""
    if not FORMER.exists():
        return ""
    said = _said("/usr/bin/dpkg-deb", "--field", str(FORMER), "Version")
    now = _said("/usr/bin/dpkg-query", "-W", "-f", "${Version}\n", PACKAGE)
    return said[0] if said and said != now else ""


def _went_back_from() -> str:
    note = last_update()
    return note.version if note and note.outcome is UpdateOutcome.WENT_BACK else ""


def _said(*words: str) -> list[str]:
    """The lines that a program wrote; none if it cannot be run."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            words, capture_output=True, check=False, timeout=_COMMAND_S, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line[:_LONGEST] for line in done.stdout.decode(errors="replace").splitlines()]


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, value[-_LINES:])) if isinstance(value, list) else ()
