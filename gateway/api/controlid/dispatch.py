"""Runs requests of the Access API, whatever brings them: HTTP, or a server that is asked for them.

Names, methods, bodies, rights, audit entries, answers and refusals are the same for both.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from urllib.parse import parse_qsl, unquote

import structlog

from gateway.api import reading
from gateway.api.controlid.endpoints import PATHS, Http, http_of
from gateway.api.controlid.outgoing import render
from gateway.api.replies import error_text
from gateway.api.statuses import MethodNotAllowed
from gateway.commands.answers import Answer
from gateway.commands.command import Command
from gateway.commands.context import CommandContext, run_afterwards
from gateway.commands.rights import Caller, server_caller
from gateway.commands.server_requests import ServerReply, ServerRequest
from gateway.commands.table import execute
from gateway.errors import GatewayError, InvalidRequest, NotFound

log = structlog.get_logger("api")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request; its body is read after the check of the caller's right."""

    method: str
    name: str
    """The part of the path before `.fcgi`."""
    query: str
    body: reading.ReadableBody
    headers: Mapping[str, str] = field(default_factory=dict)


def command_for(name: str, method: str) -> Command:
    """The command called `name`. Raises NotFound or MethodNotAllowed."""
    command = PATHS.get(name)
    if command is None:
        raise NotFound("Invalid command")
    methods = http_of(command).methods
    if method not in methods | ({"HEAD"} if "GET" in methods else set()):
        raise MethodNotAllowed("Method not allowed")
    return command


def run(context: CommandContext, caller: Caller, request: ApiRequest) -> Answer:
    """Carry out `request`. Raises the errors of `command_for` and of the command."""
    command = command_for(request.name, request.method)
    return execute(command, context, caller, partial(_members, http_of(command), request))


def longest_body(name: str) -> int:
    """Bytes that the body of a request for the command `name` may have."""
    command = PATHS.get(name)
    return reading.BODY_LIMIT if command is None else _longest(http_of(command))


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The members of a query, in order, without empty ones. Raises InvalidRequest."""
    try:
        return parse_qsl(query, max_num_fields=reading.MOST_PARAMETERS)
    except ValueError:
        raise InvalidRequest(f"more than {reading.MOST_PARAMETERS} query parameters") from None


def run_for_server(
    context: CommandContext, server: str, request: ServerRequest, longest: int
) -> ServerReply:
    """Carry out a command that `server` sent, see `RunServerRequest`."""
    caller = server_caller(server)
    reply = partial(ServerReply, afterwards=partial(run_afterwards, caller))
    body = BytesIO(request.body)
    try:
        answer = run(context, caller, ApiRequest(request.method, request.name, request.query, body))
        rendered = render(answer)
        return reply(_joined(rendered.pieces, longest), rendered.media_type)
    except GatewayError as error:
        return reply(error=error_text(str(error)))
    except Exception:
        # As over HTTP: no command ends the thread.
        log.exception("command failed", name=request.name)
        return reply(error="Internal error")


def _joined(pieces: Iterator[bytes], longest: int) -> bytes:
    """Raises InvalidRequest for more than `longest` bytes, and what making the pieces raises."""
    parts, left = [], longest
    with closing(pieces) if isinstance(pieces, Generator) else nullcontext():
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise InvalidRequest(f"the answer is longer than {longest} bytes: ask for less")
            parts.append(piece)
    return b"".join(parts)


def _members(http: Http, request: ApiRequest) -> Mapping[str, object]:
    asked: dict[str, object] = dict(query_pairs(request.query)) if http.query else {}
    for header, member in http.headers.items():
        asked.pop(member, None)  # not from the address
        if header in request.headers:
            asked[member] = unquote(request.headers[header], errors="replace")
    if http.upload:
        return {**asked, **reading.upload(request.body)}
    if http.raw:
        return {**asked, **reading.file(request.body)}
    if http.text_member:
        return {**asked, **reading.text(request.body, http.text_member, _longest(http))}
    return {**asked, **reading.members(request.body, form=http.form, longest=_longest(http))}


def _longest(http: Http) -> int:
    if http.upload:
        return reading.UPLOAD_LIMIT
    return http.longest_body or reading.BODY_LIMIT
