"""Signed updates: upload, check, installation."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from typing_extensions import TypedDict

from gateway.clock import unix_s
from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, NotFound, NotSupportedHere, StorageError
from gateway.host.update_bundle import LARGEST_UPDATE, UpdateFacts, UpdateRefused
from gateway.host.update_install import (
    UPLOADED,
    check_update,
    installed_version,
    last_update,
)
from gateway.store.files import STORE_FILE

_CHUNK = 1 << 18


class UploadRequest(RequestModel):
    """`upload_update`: the body is the file that `make bundle` made."""

    body: Any


class UploadedUpdate(TypedDict):
    """Answer to `upload_update`."""

    version: str
    installed: str
    """The release that runs now."""
    release: str
    """The Debian release that the update is for, as is the device's."""
    architecture: str
    size: int
    """Bytes."""
    signed_by: str
    """SHA-256 of the signer's key, its first 32 hexadecimal digits."""


class LastUpdate(TypedDict):
    """How the last update went: `runs`, `done`, `went_back` or `failed`."""

    outcome: str
    former: str
    version: str
    signed_by: str
    at_utc: int
    step: str
    """The last one that began: `keep`, `stop`, `back_up`, `start` or `go_back`; empty before."""
    because: str
    """Why the device went back, in the program's own words."""
    said: list[str]
    """What the installation reported."""


class UpdateState(TypedDict):
    """Answer to `update_state`."""

    installed: str
    uploaded: bool
    """An update waits for `install_update`."""
    last: LastUpdate | None


def upload_update(call: Call[UploadRequest]) -> UploadedUpdate:
    """Keep an update for `install_update`, and tell what it is or why it is refused.

    Installs nothing."""
    context = call.context
    _check_machine(context)
    installed, _ = installed_version()
    path = _uploaded(context)
    beside = path.with_name(f"{path.name}.new")
    path.unlink(missing_ok=True)
    try:
        with beside.open("w+b") as file:
            _receive(call.request.body, file)
            file.seek(0)
            update = check_update(file)
        beside.rename(path)
    except OSError as error:
        raise StorageError(f"the update cannot be kept: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            beside.unlink()
    return _shown(update, installed)


def install_update(call: Call[NoMembers]) -> Done:
    """Install the uploaded update, once it was checked anew; the services stop soon after.

    The data are backed up first. A release whose services do not come up goes back by itself;
    `update_state` then tells.
    """
    _check_machine(call.context)
    if not _uploaded(call.context).exists():
        raise NotFound("no update was uploaded")
    call.context.platform.install_update()
    return DONE


def update_state(call: Call[NoMembers]) -> UpdateState:
    """The release that runs, whether an update waits, and how the last one went."""
    return {
        "installed": call.context.version,
        "uploaded": _uploaded(call.context).exists(),
        "last": _last(),
    }


def _last() -> LastUpdate | None:
    note = last_update()
    if note is None:
        return None
    return {
        "outcome": note.outcome.value,
        "former": note.former,
        "version": note.version,
        "signed_by": note.signed_by,
        "at_utc": unix_s(note.at),
        "step": "" if note.step is None else note.step.value,
        "because": note.because,
        "said": list(note.said),
    }


def _check_machine(context: CommandContext) -> None:
    if not context.platform.real:
        context.platform.install_update()  # which tells why not


def _uploaded(context: CommandContext) -> Path:
    """In the directory of the api's database: the only one where its process may create files."""
    return (context.data / STORE_FILE).resolve().parent / UPLOADED


def _receive(body: Any, file: BinaryIO) -> None:
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    length = 0
    while part := stream.read(_CHUNK):
        length += len(part)
        if length > LARGEST_UPDATE:
            raise UpdateRefused(f"this update is larger than {LARGEST_UPDATE} bytes")
        file.write(part)
    file.flush()
    os.fsync(file.fileno())


def _shown(update: UpdateFacts, installed: str) -> UploadedUpdate:
    return {
        "version": update.version,
        "installed": installed,
        "release": update.release,
        "architecture": update.architecture,
        "size": update.size,
        "signed_by": update.signed_by,
    }


_AUDIT = Audit(refusals=True)
_ERRORS = (NotSupportedHere, DeviceUnavailable, StorageError)

COMMANDS = (
    Command(upload_update, Right.OWNER, heavy=True, audit=_AUDIT, errors=_ERRORS),
    Command(install_update, Right.OWNER, audit=_AUDIT, errors=(*_ERRORS, NotFound)),
    Command(update_state, Right.OWNER, example={}),
)
