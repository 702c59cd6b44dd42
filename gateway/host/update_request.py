"""How the api process has an update installed: it asks a unit of root, and hands it nothing.

gateway-update.socket starts `gateway update-helper`, which finds the update where the api's user
put it, copies it to where that user changes nothing, checks it and installs it. One message each
way, as with `gateway.host.system_helper`.
"""

from __future__ import annotations

import socket
from pathlib import Path

from gateway.errors import (
    DeviceUnavailable,
    GatewayError,
    InvalidRequest,
    NotSupportedHere,
    error_named,
)
from gateway.host.system_helper import LARGEST_MESSAGE, REQUEST_S, HelperAnswer
from gateway.host.update_install import check_update, install_checked, prepared

REQUEST = b'{"kind":"install_update","form":1}'
SOCKET_NAME = "gateway-update"
"""Beside the helper's socket."""
ANSWER_S = 60.0
"""A slow card reads the whole update in this time."""


def ask_for_update(path: Path, answer_s: float = ANSWER_S) -> None:
    """Have the uploaded update installed; returns once it was checked, before it is installed.

    Raises what the check raised, NotSupportedHere where nobody listens, and DeviceUnavailable.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(answer_s)
            connection.connect(str(path))
            connection.send(REQUEST)
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
        answer = HelperAnswer.model_validate_json(payload or "no answer")
    except ValueError as error:
        raise DeviceUnavailable("gateway-update.service ended without an answer") from error
    if answer.error_kind is not None:
        raise error_named(answer.error_kind, answer.error)


def serve_update(listener: socket.socket, uploaded: Path) -> None:
    """Answer one request, and install the update that it asks for; needs root."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(REQUEST_S)
        try:
            if connection.recv(LARGEST_MESSAGE) != REQUEST:
                raise InvalidRequest("no request of this release")
            with prepared(uploaded) as copy:
                update = check_update(copy)
                uploaded.unlink(missing_ok=True)
                _answer(connection, HelperAnswer())
                install_checked(copy, update)
        except GatewayError as error:
            uploaded.unlink(missing_ok=True)
            kind = InvalidRequest if isinstance(error, InvalidRequest) else type(error)
            _answer(connection, HelperAnswer(error_kind=kind.__name__, error=str(error)[:1_000]))
        except OSError as error:
            _answer(connection, HelperAnswer(error_kind="StorageError", error=str(error)[:1_000]))


def _answer(connection: socket.socket, answer: HelperAnswer) -> None:
    try:
        connection.send(answer.model_dump_json().encode())
    except OSError:
        return  # whoever asked has gone; the update is installed all the same
