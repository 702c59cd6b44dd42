"""The description of the API as a page and as JSON.

All are open to anybody: they describe every device with this software and say nothing about the
site. The pages load nothing from elsewhere and run no script.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import Blueprint, Response
from markupsafe import Markup, escape

from gateway.api.controlid.endpoints import PATHS
from gateway.api.html_page import render, respond
from gateway.api.openapi.document import REFUSALS, document, document_json
from gateway.api.openapi.fields import Schema
from gateway.api.openapi.schemas import change, new, row
from gateway.api.replies import JSON_TYPE
from gateway.objects.catalogue import REGISTRY

_LIMITS = {
    "minimum": "from {}",
    "maximum": "to {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {}",
    "pattern": "like {}",
    "contentEncoding": "{}",
}
_WIDEST = (-(2**63), 2**63 - 1)
"""Bounds of 64-bit numbers, which the page does not show."""
_MOST_CHOICES = 16


@dataclass(frozen=True, slots=True)
class Line:
    """One member of a request, a row or a configuration module."""

    name: str
    kind: str
    limits: str
    default: str
    note: str
    required: bool


def description_blueprint() -> Blueprint:
    """`/openapi.json` and `/docs/api`."""
    blueprint = Blueprint("description", __name__)

    def as_json() -> Response:
        return Response(document_json(), content_type=JSON_TYPE)

    def as_page() -> Response:
        return respond(_page())

    blueprint.add_url_rule("/openapi.json", view_func=as_json, methods=["GET"])
    blueprint.add_url_rule("/docs/api", view_func=as_page, methods=["GET"])
    return blueprint


@cache
def _page() -> str:
    described = document()
    components = described["components"]["schemas"]
    return render(
        "docs.html",
        {"prose": _prose, "prose_line": _line_of_prose},
        info=described["info"],
        error=_shown(components["Error"]["examples"][0]),
        refusals=REFUSALS.items(),
        groups=list(_groups(described)),
        objects=list(_objects(components)),
        modules=list(_modules(components)),
    )


def _groups(described: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """The endpoints of each tag, in the order of the tags."""
    commands = list(_commands(described))
    for tag in described["tags"]:
        found = [command for command in commands if command["tag"] == tag["name"]]
        yield {
            "title": tag["name"],
            "text": tag["description"],
            "commands": found,
            "refused": sum(bool(command["refused"]) for command in found),
        }


def _commands(described: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Each path once, with its request and answer."""
    components = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        operation = methods.get("post") or next(iter(methods.values()))
        name = path.strip("/").removesuffix(".fcgi")
        command = PATHS.get(name)
        body: dict[str, Any] = operation.get("requestBody", {"content": {"": {}}})["content"]
        content = next(iter(body.values()))
        schema = _resolved(content.get("schema", {}), components)
        refused = "200" not in operation["responses"]
        done = operation["responses"].get("200", {"content": {"": {"schema": {}}}})["content"]
        answer_media, answer = next(iter(done.items()))
        yield {
            "path": path,
            "name": path.removesuffix(".fcgi").lstrip("/") if path.endswith(".fcgi") else path,
            "tag": operation["tags"][0],
            "methods": [method.upper() for method in methods],
            "text": operation.get("description", operation["summary"]),
            "alias_of": command is not None and (name != command.name or path == f"/{name}"),
            "parameters": list(_parameters(operation)),
            "lines": list(_lines(schema)),
            "curl": operation["x-codeSamples"][0]["source"],
            "refused": refused,
            "answer_media": answer_media,
            "answer": list(_lines(_resolved(answer["schema"], components))),
            "answered": _pretty(answer["example"]) if "example" in answer else "",
            "errors": [
                (status, found["description"])
                for status, found in operation["responses"].items()
                if status != "200"
            ],
        }


def _parameters(operation: Mapping[str, Any]) -> Iterator[Line]:
    for parameter in operation.get("parameters", ()):
        ((line),) = _lines(
            {
                "properties": {parameter["name"]: parameter["schema"]},
                "required": [parameter["name"]] if parameter["required"] else [],
            }
        )
        yield line


def _objects(components: Mapping[str, Schema]) -> Iterator[dict[str, object]]:
    for declared in REGISTRY:
        shown = components[row(declared.name)]
        asked = components.get(new(declared.name)) or components.get(change(declared.name)) or shown
        yield {"name": declared.name, "text": shown["description"], "lines": list(_lines(asked))}


def _modules(components: Mapping[str, Schema]) -> Iterator[dict[str, object]]:
    settable = components["ConfigurationValues"]["properties"]
    for name, module in components["Configuration"]["properties"].items():
        keys = {**module["properties"], **settable.get(name, {}).get("properties", {})}
        yield {"name": name, "lines": list(_lines({"properties": keys}))}


def _resolved(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    return components[name] if name else schema


def _lines(schema: Schema) -> Iterator[Line]:
    """The members of `schema`; if it has choices, those of the first with all their kinds."""
    choices = schema.get("oneOf") or [schema]
    needed = set(choices[0].get("required", ()))
    for name, first in choices[0].get("properties", {}).items():
        others = [choice["properties"][name] for choice in choices if name in choice["properties"]]
        kinds = list(dict.fromkeys(map(_kind, others)))
        member = dict(first)
        if "const" in first and len(choices) > 1:
            member = {"enum": list(dict.fromkeys(other.get("const") for other in others))}
        yield Line(
            name,
            kinds[0] if len(kinds) == 1 else f"{kinds[0]}, and so on",
            _limits(member),
            _shown(member["default"]) if "default" in member else "",
            member.get("description", ""),
            name in needed,
        )


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    kind = schema.get("type", "string" if "const" in schema or "enum" in schema else "any")
    words = kind if isinstance(kind, list) else [kind]
    text = " or ".join(word for word in words if word != "null")
    return f"{text} of {_kind(schema['items'])}" if "items" in schema else text


def _limits(schema: Schema) -> str:
    if "anyOf" in schema:
        return "; ".join(filter(None, map(_limits, schema["anyOf"])))
    limits = [
        words.format(schema[key])
        for key, words in _LIMITS.items()
        if key in schema and schema[key] not in _WIDEST
    ]
    choices = [schema["const"]] if "const" in schema else schema.get("enum", ())
    shown = [_shown(choice) for choice in choices if choice is not None]
    if len(shown) > _MOST_CHOICES:
        shown = [f"one of {len(shown)}, such as {shown[0]}; all are in openapi.json"]
    if shown:
        limits.append(", ".join(shown))
    return ", ".join(limits)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pretty(value: object) -> str:
    """JSON on one line if it fits in 80 characters, else indented."""
    short = _shown(value)
    return short if len(short) <= 80 else json.dumps(value, ensure_ascii=False, indent=2)


def _prose(text: str) -> Markup:
    """`text` as paragraphs; an empty line separates two."""
    paragraphs = (_line_of_prose(part) for part in text.split("\n\n") if part.strip())
    return Markup().join(Markup("<p>{}</p>").format(part) for part in paragraphs)


def _line_of_prose(text: str) -> Markup:
    """`text` as a line with its `names` marked up as code."""
    parts = re.split(r"`+([^`]+)`+", text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
