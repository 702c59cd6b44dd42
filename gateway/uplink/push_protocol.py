"""What a push server sends and is sent (Control iD Access API, 5.6). No input or output.

A server answers a poll with nothing, with a command, or with a batch of commands. Each command
becomes a request of the Access API; one that cannot become a request keeps the reason, which its
result tells.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gateway.commands.json_bodies import read_json
from gateway.commands.server_requests import ServerReply, ServerRequest
from gateway.errors import InvalidRequest
from gateway.objects.server_address import ServerAddress, server_address

MOST_TRANSACTIONS = 100
"""Commands of a batch; further ones are refused."""
SHORTEST_PERIOD_S = 0.1
LONGEST_SHOWN = 200
"""Characters of what a server sent that are sent back."""

_COMMAND = frozenset({"endpoint", "verb", "body", "queryString", "contentType"})
"""Members of which a command has at least one."""
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_CODE = 1
"""The vendor's only code of an error."""


@dataclass(frozen=True, slots=True)
class PushSettings:
    """What clients have set in the module `push_server`."""

    address: ServerAddress
    timeout_s: float
    period_s: float


@dataclass(frozen=True, slots=True)
class PushedCommand:
    """One command."""

    endpoint: str
    """As the server calls it, without query."""
    request: ServerRequest | None
    why: str = ""
    """Why there is no request."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A command of a batch."""

    id: object
    """As its result has it: a number where the server sent one, or the text of one."""
    command: PushedCommand


@dataclass(frozen=True, slots=True)
class PushedBatch:
    """Commands whose results go out together."""

    transactions: tuple[Transaction, ...]

    endpoint = "transactions"


PUSH_KEYS = {"push_server": ["push_remote_address", "push_request_timeout", "push_request_period"]}
"""The configuration that `push_settings` takes."""


def push_settings(values: Mapping[str, str], *, plain: bool) -> PushSettings | None:
    """The settings in the configuration `values`; None while push is off.

    Raises InvalidRequest for an address that is none, or without TLS unless that is allowed by
    `plain`.
    """
    text = values["push_remote_address"]
    if not text.strip():
        return None
    address = server_address("push_server.push_remote_address", text)
    if not address.tls and not plain:
        raise InvalidRequest(
            f"push_server.push_remote_address {address.shown} has no TLS: whoever is on the way "
            "could command the doors; https:// is allowed, or set plain_push = true under "
            "[servers] in the site file"
        )
    return PushSettings(
        address,
        int(values["push_request_timeout"]) / 1000,
        max(SHORTEST_PERIOD_S, float(values["push_request_period"])),
    )


def push_target(address: ServerAddress, topic: str, **members: str | int) -> str:
    """Path and query of a request; `members` follow a query that the address has."""
    target = address.target(topic)
    return f"{target}{'&' if '?' in target else '?'}{urlencode(members)}"


def read_order(data: bytes) -> PushedCommand | PushedBatch | None:
    """What a server asks for in the body `data` of its answer; None for nothing.

    Raises InvalidRequest for a body that is no JSON object.
    """
    members = read_json(data)
    if members.get("transactions") is not None:
        return _batch(members["transactions"])
    return _command(members) if not _COMMAND.isdisjoint(members) else None


def _batch(given: object) -> PushedCommand | PushedBatch | None:
    if not isinstance(given, list):
        return PushedCommand(PushedBatch.endpoint, None, "transactions: an array is needed")
    found = []
    for number, each in enumerate(given):
        if not isinstance(each, dict):
            command = PushedCommand("", None, "an object is needed")
        elif number >= MOST_TRANSACTIONS:
            command = PushedCommand("", None, f"more than {MOST_TRANSACTIONS} transactions")
        else:
            command = _command(each)
        name = each.get("transactionid") if isinstance(each, dict) else None
        found.append(Transaction(_echoed(name), command))
    return PushedBatch(tuple(found)) if found else None


def _echoed(name: object) -> object:
    if isinstance(name, str):
        return int(name) if _WHOLE.fullmatch(name) else name[:LONGEST_SHOWN]
    return name if type(name) is int else None


def _command(members: Mapping[str, object]) -> PushedCommand:
    endpoint = ""
    try:
        endpoint, _, query = _text(members, "endpoint").strip().lstrip("/").partition("?")
        name = endpoint.removesuffix(".fcgi")
        if not name:
            raise InvalidRequest("endpoint: the name of a command is needed")  # noqa: TRY301 - told as all others
        more = _text(members, "queryString").removeprefix("?")
        request = ServerRequest(
            _text(members, "verb").strip().upper() or "POST",
            name,
            "&".join(part for part in (query, more) if part),
            _body(members.get("body"), _text(members, "contentType")),
        )
    except InvalidRequest as error:
        return PushedCommand(endpoint[:LONGEST_SHOWN], None, str(error))
    return PushedCommand(endpoint[:LONGEST_SHOWN], request)


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name}: a text is needed")
    return value


def _body(value: object, content_type: str) -> bytes:
    """The body of a request. A text is JSON already, or a file as base64."""
    if value is None:
        return b""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode()
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/octet-stream" and not kind.startswith("image/"):
        return value.encode()
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"body: base64 is needed for {kind}") from None


def single_result(device_id: int, reply: ServerReply, *, as_object: bool) -> dict[str, Any]:
    """The body of the result of one command."""
    return {"deviceId": device_id, **_outcome(reply, as_object=as_object)}


def batch_result(
    device_id: int, replies: Sequence[tuple[object, ServerReply]], *, as_object: bool
) -> dict[str, Any]:
    """The body of the results of a batch; `replies` follow the ids of their transactions."""
    results = [
        {
            "transactionid": name,
            "success": reply.error is None,
            **_outcome(reply, as_object=as_object),
        }
        for name, reply in replies
    ]
    return {"deviceId": device_id, "transactions_results": results}


def _outcome(reply: ServerReply, *, as_object: bool) -> dict[str, Any]:
    if reply.error is not None:
        return {"error": reply.error, "code": _CODE}
    kind = reply.media_type
    if not kind.startswith(("application/json", "text/")):
        return {"response": base64.b64encode(reply.content).decode()}
    text = reply.content.decode(errors="replace")
    return {"response": json.loads(text) if as_object and "json" in kind else text}
