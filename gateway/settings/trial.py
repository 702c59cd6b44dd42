"""A site file on trial: a client proposed it, and it stays in force only if somebody confirms it.

The controller alone writes the record of it, where on a device nobody else can write. Until the
confirmation the site file itself does not change, so that a crash at any point leaves one of the
two, each whole.
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.clock import boot_id
from gateway.files import read_whole, write_whole

TRIAL = "site-trial.json"
LONGEST_PROPOSAL = 40_000
"""Bytes of a site file that a client may propose."""
TRIALS = "site-trials.json"
"""Beside the trial: when the last ones began."""
MOST_TRIALS = 10
TRIALS_WITHIN_S = 600
"""So many trials may begin in this time: each takes two starts of the controller, in which no door
opens, and whoever has taken the api over may ask for them all the time."""
_LARGEST = 1 << 19


class TrialState(StrEnum):
    """How far a trial has come."""

    PROPOSED = "proposed"
    """The controller's next start uses it."""
    TRIED = "tried"
    """A controller started with it in this boot."""
    TAKEN_BACK = "taken_back"
    """The site file is in force again."""


class SiteTrial(BaseModel):
    """The last site file that a client proposed and nobody has confirmed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: TrialState
    text: str
    boot: Annotated[str, Field(max_length=64)]
    """The machine's start in which it was proposed; it ends with that."""
    confirm_within_s: Annotated[int, Field(ge=1, le=3_600)]
    """After the controller came up with it."""
    by: Annotated[str, Field(max_length=1_000)] = ""
    """The login that proposed it."""
    why: str = ""
    """Why it was taken back."""

    @property
    def in_force(self) -> bool:
        """Whether the controller that runs, or ran last, uses it."""
        return self.state is TrialState.TRIED and self.boot == boot_id()


class _Begun(BaseModel):
    """When trials began."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    boot: Annotated[str, Field(max_length=64)]
    at_s: Annotated[tuple[int, ...], Field(max_length=MOST_TRIALS)]
    """Monotonic seconds, oldest first."""


def trial_path(data: Path) -> Path:
    """The record of the trial in the data directory `data`: on a device in the directory of the
    controller's own files."""
    own = data / "controller"
    return (own if own.is_dir() else data) / TRIAL


def read_trial(data: Path) -> SiteTrial | None:
    """The trial in the data directory `data`; None if there is none that can be read."""
    try:
        return SiteTrial.model_validate_json(read_whole(trial_path(data), _LARGEST))
    except (OSError, ValidationError):
        return None


def write_trial(data: Path, trial: SiteTrial) -> None:
    """Replace the trial in `data`. Raises OSError."""
    # The early program for the relays reads it as root without capabilities; the directory is
    # closed to others.
    write_whole(trial_path(data), trial.model_dump_json().encode(), mode=0o644)


def wait_before_trial_s(data: Path, now_s: int) -> int:
    """The seconds until another trial may begin; 0 if one may begin now (monotonic `now_s`)."""
    begun = _begun(data, now_s)
    return begun[0] + TRIALS_WITHIN_S - now_s if len(begun) >= MOST_TRIALS else 0


def note_trial(data: Path, now_s: int) -> None:
    """A trial begins at `now_s`. Raises OSError."""
    noted = _Begun(boot=boot_id(), at_s=(*_begun(data, now_s), now_s)[-MOST_TRIALS:])
    path = trial_path(data).with_name(TRIALS)
    write_whole(path, noted.model_dump_json().encode(), mode=0o600)


def _begun(data: Path, now_s: int) -> tuple[int, ...]:
    """When the last trials of this boot began. None that can be read counts as none."""
    try:
        noted = _Begun.model_validate_json(read_whole(trial_path(data).with_name(TRIALS), _LARGEST))
    except (OSError, ValidationError):
        return ()
    if noted.boot != boot_id():
        return ()
    return tuple(at for at in noted.at_s if now_s - TRIALS_WITHIN_S < at <= now_s)


def drop_trial(data: Path) -> None:
    """Remove the trial, which was confirmed. Raises nothing."""
    with suppress(OSError):
        trial_path(data).unlink(missing_ok=True)
