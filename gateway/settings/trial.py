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


def drop_trial(data: Path) -> None:
    """Remove the trial, which was confirmed. Raises nothing."""
    with suppress(OSError):
        trial_path(data).unlink(missing_ok=True)
