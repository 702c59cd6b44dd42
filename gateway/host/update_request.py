"""How the api process has an update installed: it asks a unit of root, and hands it nothing.

gateway-update.socket starts the helper (gateway/safe), which finds the update where the api's user
put it, copies it to where that user changes nothing, checks it and installs it. One message each
way, as with `gateway.host.system_helper`. The safe page asks in the same way, also to go back and
to try the services again; like the helper it needs the standard library alone.
"""

from __future__ import annotations

import json
import socket
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Any

from gateway.errors import (
    DeviceUnavailable,
    GatewayError,
    InvalidRequest,
    NotSupportedHere,
    error_named,
)
from gateway.host.signatures import verified_by_openssl
from gateway.host.update_install import INSTALL_S, check_update, install_checked, prepared

SOCKET_NAME = "gateway-update"
"""Beside the helper's socket."""
ANSWER_S = 60.0
"""A slow card reads the whole update in this time."""
REQUEST_S = 1.0
LARGEST_MESSAGE = 4_096
WATCH = "/usr/lib/gateway/bin/watch"
SAFE_PAGE = "gateway-safe.service"


class UpdateRequest(StrEnum):
    """What the helper is asked for."""

    INSTALL = "install_update"
    GO_BACK = "go_back"
    """Install the former package; while the safe page runs."""
    TRY_AGAIN = "try_again"
    """Start the services; while the safe page runs."""

    @property
    def payload(self) -> bytes:
        return json.dumps({"kind": self.value, "form": 1}, separators=(",", ":")).encode()


def ask_for_update(
    path: Path, answer_s: float = ANSWER_S, request: UpdateRequest = UpdateRequest.INSTALL
) -> None:
    """Have the uploaded update installed; returns once it was checked, before it is installed.

    Raises what the check raised, NotSupportedHere where nobody listens, and DeviceUnavailable.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(answer_s)
            connection.connect(str(path))
            connection.send(request.payload)
            payload = connection.recv(LARGEST_MESSAGE)
    except TimeoutError:
        raise DeviceUnavailable(
            f"gateway-update.service did not answer within {answer_s:g} s"
        ) from None
    except OSError as error:
        raise NotSupportedHere(
            f"gateway-update.socket cannot be reached ({error.strerror}): updates need the Debian "
            "package; to start it: systemctl start gateway-update.socket"
        ) from error
    try:
        kind, text = _read_answer(payload)
    except ValueError as error:
        raise DeviceUnavailable("gateway-update.service ended without an answer") from error
    if kind is not None:
        raise error_named(kind, text)


def serve_update(listener: socket.socket, uploaded: Path) -> None:
    """Answer one request, and do what it asks for; needs root."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(REQUEST_S)
        try:
            match _read_request(connection.recv(LARGEST_MESSAGE)):
                case UpdateRequest.INSTALL:
                    _install(connection, uploaded)
                case UpdateRequest.GO_BACK:
                    _watch(connection, "go-back")
                case UpdateRequest.TRY_AGAIN:
                    _watch(connection, "try-again")
        except GatewayError as error:
            uploaded.unlink(missing_ok=True)
            kind = InvalidRequest if isinstance(error, InvalidRequest) else type(error)
            _answer(connection, kind.__name__, str(error)[:1_000])
        except OSError as error:
            _answer(connection, "StorageError", str(error)[:1_000])


def _install(connection: socket.socket, uploaded: Path) -> None:
    with prepared(uploaded) as copy:
        update = check_update(copy, verified=verified_by_openssl)
        uploaded.unlink(missing_ok=True)
        install_checked(copy, update, begun=lambda: _answer(connection))


def _watch(connection: socket.socket, word: str) -> None:
    """Have the package's own script do it. Whoever has taken the api over could otherwise bring an
    older release back, or stop the doors' controller again and again."""
    active = ["/usr/bin/systemctl", "is-active", "--quiet", SAFE_PAGE]
    if subprocess.run(active, check=False, timeout=60).returncode != 0:  # noqa: S603 - fixed words
        raise NotSupportedHere("this is for the safe page alone, and it does not run")
    _answer(connection)
    subprocess.run([WATCH, word], check=False, timeout=INSTALL_S)  # noqa: S603 - fixed words


def _read_request(payload: bytes) -> UpdateRequest:
    for request in UpdateRequest:
        if payload == request.payload:
            return request
    raise InvalidRequest("no request of this release")


def _read_answer(payload: bytes) -> tuple[str | None, str]:
    found: Any = json.loads(payload)
    if not isinstance(found, dict):
        raise ValueError("no answer")  # noqa: TRY004 - as json's own errors
    kind, text = found.get("error_kind"), found.get("error", "")
    if not isinstance(kind, str | None) or not isinstance(text, str):
        raise ValueError("no answer")  # noqa: TRY004 - as json's own errors
    return kind, text


def _answer(connection: socket.socket, kind: str | None = None, text: str = "") -> None:
    try:
        connection.send(json.dumps({"error_kind": kind, "error": text}).encode())
    except OSError:
        return  # whoever asked has gone; it is done all the same
