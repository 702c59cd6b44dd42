"""The OpenAPI document: every endpoint of this device with its request and answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from gateway import __version__
from gateway.api.controlid.endpoints import CSV, JSON, OCTETS, PATHS, Http, http_of
from gateway.api.openapi.fields import Schema
from gateway.api.openapi.groups import GROUPS, group_of
from gateway.api.openapi.samples import curl, sample
from gateway.api.openapi.schemas import (
    answer_schema,
    configuration_components,
    declared_schema,
    model_schema,
    object_components,
    ref,
    where_component,
)
from gateway.api.replies import encode
from gateway.api.statuses import status_of
from gateway.commands.command import Command
from gateway.commands.minop import MINOP_COMMANDS
from gateway.commands.rights import Right
from gateway.errors import NotFound
from gateway.objects.catalogue import REGISTRY
from gateway.objects.configuration_keys import CONFIGURATION

MINOP_PATH = "/api/v1/execute"
METRICS_PATH = "/metrics"
HEALTH_PATH = "/health"
LIVE_PATH = "/health/live"
REFUSALS = {
    400: "The request cannot be carried out on this device; nothing was changed.",
    401: "No session, a dead one, or a wrong password.",
    403: "The session may not do this.",
    404: "What the request names does not exist.",
    405: "Another method is needed.",
    413: "The request is too long.",
    500: "The database cannot be used, for example because the disk is full.",
    429: "Others of its kind run or wait; the header Retry-After says when to try again.",
    503: "The controller process or a device does not answer.",
}
"""Status -> meaning."""
_RIGHTS = {
    Right.NONE: "Needs no session.",
    Right.LOG_IN: "Needs no session.",
    Right.SESSION_ONLY: "Needs a session.",
    Right.DOOR_STATE: "Needs a session; that of a `door_reader` is enough.",
    Right.OPEN_DOORS: "Needs a session; that of a `door_opener` is enough.",
    Right.ANY_SESSION: "Needs a session of an operator or administrator.",
    Right.ADMINISTRATOR: "Needs an administrator's session.",
    Right.OWNER: "Needs an administrator's session; never run for a server that sends commands.",
}
_ADDRESS = {"default": "192.168.0.129", "description": "The device's address or name."}
_SERVERS = [
    {"url": "/", "description": "The device that serves this description."},
    {
        "url": "https://{address}",
        "description": "With TLS. The certificate is self-signed unless a client replaced it.",
        "variables": {"address": _ADDRESS},
    },
    {
        "url": "http://{address}",
        "description": "Without TLS: passwords and sessions cross the network readable.",
        "variables": {"address": _ADDRESS},
    },
]
_ABOUT = """\
Commands are `POST`ed as JSON to `/<command>.fcgi`. `login` gives a session, which every other
command carries as `?session=` or as a cookie. Members that a command does not know are ignored. A
missing or empty body, `null` and `{}` are the same.

Times are Unix seconds of the local wall clock; ids are 64-bit numbers.
"""


@cache
def document_json() -> bytes:
    """The description as JSON; the same for every device with this software."""
    return encode(document())


def document() -> dict[str, Any]:
    """The description (OpenAPI 3.1). It says nothing about the site."""
    components: dict[str, Schema] = {
        "Error": {
            "type": "object",
            "required": ["error", "code"],
            "properties": {"error": {"type": "string"}, "code": {"type": "integer"}},
            "examples": [{"error": "Invalid session", "code": 1}],
        },
        "Health": {
            "type": "object",
            "required": ["ready", "controller", "database"],
            "properties": {
                "ready": {"type": "boolean"},
                "controller": {"enum": ["ok", "does not answer"]},
                "database": {"enum": ["ok", "cannot be read"]},
            },
        },
        "Where": where_component(),
        **object_components(REGISTRY),
        **configuration_components(CONFIGURATION),
    }
    paths = {f"/{name}.fcgi": _path(name, command, components) for name, command in PATHS.items()}
    for name, command in PATHS.items():
        if http_of(command).bare:
            paths[f"/{name}"] = _path(name, command, components, "")
    paths[MINOP_PATH] = _minop(components)
    text = {"type": "string"}
    paths["/openapi.json"] = _page("json", "This description.", JSON, {"type": "object"})
    paths["/docs"] = _page("manual", "The manual, for a browser.", "text/html", text)
    paths["/docs/api"] = _page("html", "This description, to be read.", "text/html", text)
    paths[METRICS_PATH] = _metrics()
    paths[LIVE_PATH] = _page(
        "live", "Whether the API answers.", JSON, {"const": {"live": True}, "type": "object"}
    )
    paths[HEALTH_PATH] = _health()
    for path, operations in paths.items():
        for method, operation in operations.items():
            _illustrate(method, path, operation, components)
    used = {tag for methods in paths.values() for it in methods.values() for tag in it["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Door controller", "version": __version__, "description": _ABOUT},
        "servers": _SERVERS,
        "tags": [
            {"name": group.title, "description": group.text}
            for group in GROUPS
            if group.title in used
        ],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "query": {"type": "apiKey", "in": "query", "name": "session"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _illustrate(
    method: str, path: str, operation: dict[str, Any], components: dict[str, Schema]
) -> None:
    """Add an example of the request, and of the answer if that is JSON."""
    operation["x-codeSamples"] = [
        {"lang": "Shell", "label": "curl", "source": curl(method, path, operation, components)}
    ]
    for answer in operation["responses"].get("200", {"content": {}})["content"].items():
        media, content = answer
        if media == JSON and content["schema"] and "example" not in content:
            content["example"] = sample(content["schema"], components)


def _path(
    name: str, command: Command, components: dict[str, Schema], ending: str = "_fcgi"
) -> dict[str, Any]:
    return {
        method.lower(): {
            "operationId": f"{method.lower()}_{name}{ending}",
            **_operation(name, command, components),
        }
        for method in sorted(http_of(command).methods)
    }


def _operation(name: str, command: Command, components: dict[str, Schema]) -> dict[str, Any]:
    http, answer = http_of(command), answer_schema(command, components)
    about = _words(command.run)
    if name != command.name:
        about += f"\n\nAnother name of `{command.name}`."
    return {
        "summary": about.partition("\n")[0],
        "description": f"{about}\n\n{_RIGHTS[command.needs]}",
        "tags": [group_of(command.run.__module__.rpartition(".")[2]).title],
        "security": [{"query": []}, {"cookie": []}] if command.needs.with_session else [],
        "parameters": _parameters(command, http),
        "requestBody": _body(command, http, components, refused=answer is None),
        "responses": {**_done(command, http, answer), **_refusals(command)},
    }


def _done(command: Command, http: Http, answer: Schema | None) -> dict[str, Any]:
    if answer is None:
        return {}
    content: dict[str, Any] = {http.answers: {"schema": answer}}
    if command.answered is not None:
        content[http.answers]["example"] = command.answered
    content.update({media: {"schema": {}} for media in http.other_answers})
    return {"200": {"description": "Done.", "content": content}}


def _words(function: Callable[..., object]) -> str:
    return inspect.getdoc(function) or ""


def _parameters(command: Command, http: Http) -> list[dict[str, Any]]:
    """The members that the query and headers may hold."""
    if not http.query:
        return []
    schema = declared_schema(command.request)
    members: Mapping[str, Any] = schema["properties"]
    apart = {*http.headers.values(), http.text_member, *(("body",) if http.raw else ())}
    required = schema.get("required", ())
    return [
        *(
            {"name": header, "in": "header", "required": False, "schema": members[member]}
            for header, member in http.headers.items()
        ),
        *(
            {"name": name, "in": "query", "required": name in required, "schema": it}
            for name, it in members.items()
            if name not in apart
        ),
    ]


def _body(
    command: Command, http: Http, components: dict[str, Schema], *, refused: bool
) -> dict[str, Any]:
    if http.raw:
        return {"required": not refused, "content": {OCTETS: {"schema": {}}}}
    schema = model_schema(command.request, components)
    media: dict[str, Any] = {"schema": schema}
    if command.example is not None:
        media["example"] = command.example
    content = {JSON: media}
    if http.text_member:
        content[CSV] = {"schema": {"type": "string"}}
    if http.form:
        content["application/x-www-form-urlencoded"] = {"schema": schema}
    needed = any(field.is_required() for field in command.request.model_fields.values())
    return {"required": needed, "content": content}


def _refusals(command: Command) -> dict[str, Any]:
    statuses = {400, 401, 403, 405, 413, *(status_of(kind()) for kind in command.errors)}
    if command.heavy:
        statuses.add(429)
    return _refused(statuses, ref("Error"))


def _refused(statuses: set[int], schema: Schema) -> dict[str, Any]:
    return {
        str(status): {"description": REFUSALS[status], "content": {JSON: {"schema": schema}}}
        for status in sorted(statuses)
    }


def _minop(components: dict[str, Schema]) -> dict[str, Any]:
    """The second vendor's endpoint: one path for all of its commands."""
    requests = [
        {
            "type": "object",
            "required": ["CommandName", "CommandEntity", "OperationData"],
            "description": _words(command.run),
            "properties": {
                "CommandName": {"const": name.partition(" ")[0]},
                "CommandEntity": {"const": name.partition(" ")[2]},
                "OperationData": model_schema(command.request, components),
            },
        }
        for name, command in MINOP_COMMANDS.items()
    ]
    shown = next(iter(MINOP_COMMANDS.values()))
    word, entity = shown.name.split(" ")
    example = {"CommandName": word, "CommandEntity": entity, "OperationData": shown.example}
    error = {
        "type": "object",
        "required": ["status", "message"],
        "properties": {"status": {"const": "error"}, "message": {"type": "string"}},
    }
    done = {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"const": "done"}},
    }
    return {
        "post": {
            "operationId": "post_execute",
            "summary": "Carry out a command of the second vendor's API.",
            "description": "Needs a bearer token.",
            "tags": [group_of("minop").title],
            "security": [{"token": []}],
            "requestBody": {
                "required": True,
                "content": {
                    JSON: {
                        "schema": {"oneOf": requests},
                        "example": example,
                    }
                },
            },
            "responses": {
                "200": {"description": "Done.", "content": {JSON: {"schema": done}}},
                **_refused({400, 401, 403, status_of(NotFound()), 405, 413}, error),
            },
        }
    }


def _metrics() -> dict[str, Any]:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "get": {
            "operationId": "get_metrics",
            "summary": "The state of the device and its parts, in the format of Prometheus.",
            "description": "Needs a bearer token.",
            "tags": [group_of("description").title],
            "security": [{"token": []}],
            "responses": {
                "200": {"description": "The metrics.", "content": text},
                "401": {"description": "The token is missing or wrong.", "content": text},
            },
        }
    }


def _health() -> dict[str, Any]:
    page = _page("health", "Whether the device can do its work.", JSON, ref("Health"))
    again = {"description": "A part fails.", "content": {JSON: {"schema": ref("Health")}}}
    page["get"]["responses"]["503"] = again
    return page


def _page(name: str, text: str, media: str, schema: Schema) -> dict[str, Any]:
    return {
        "get": {
            "operationId": f"get_{name}",
            "summary": text,
            "tags": [group_of("description").title],
            "security": [],
            "responses": {"200": {"description": text, "content": {media: {"schema": schema}}}},
        }
    }
