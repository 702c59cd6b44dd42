"""The description of the API as a page, and as JSON.

Both are open to anybody: they say what every device with this software can do, and nothing about
this one. The page needs nothing from elsewhere and runs no script.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response
from jinja2 import Environment, StrictUndefined

from gateway.api.openapi.document import document, document_json
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
    """`/openapi.json` and `/docs`."""
    blueprint = Blueprint("description", __name__)

    def as_json() -> Response:
        return Response(document_json(), content_type=JSON_TYPE)

    def as_page() -> Response:
        text, policy = _page()
        response = Response(text, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    blueprint.add_url_rule("/openapi.json", view_func=as_json, methods=["GET"])
    blueprint.add_url_rule("/docs", view_func=as_page, methods=["GET"])
    return blueprint


@cache
def _page() -> tuple[str, str]:
    """The page, and what a browser may do with it: show it, in its own colours."""
    source = files("gateway.api")
    style = source.joinpath("docs.css").read_text(encoding="utf-8")
    template = source.joinpath("docs.html").read_text(encoding="utf-8")
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        template
    )
    described = document()
    text = made.render(
        style=style,
        info=described["info"],
        commands=list(_commands(described)),
        objects=list(_objects(described["components"]["schemas"])),
        modules=list(_modules(described["components"]["schemas"])),
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return text, (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _commands(described: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Each path once, with what its requests hold."""
    components = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        operation = next(iter(methods.values()))
        body: dict[str, Any] = operation.get("requestBody", {"content": {"": {}}})["content"]
        media, content = next(iter(body.items()))
        schema = _resolved(content.get("schema", {}), components)
        # A command for a part that is missing is never done.
        done = operation["responses"].get("200", {"content": {"": {"schema": {}}}})["content"]
        answer_media, answer = next(iter(done.items()))
        yield {
            "path": path,
            "methods": " or ".join(method.upper() for method in methods),
            "text": operation.get("description", operation["summary"]),
            "media": media,
            "lines": list(_lines(schema)),
            "example": _shown(content["example"]) if "example" in content else "",
            "answer_media": answer_media,
            "answer": list(_lines(_resolved(answer["schema"], components))),
            "errors": [
                (status, found["description"])
                for status, found in operation["responses"].items()
                if status != "200"
            ],
        }


def _objects(components: Mapping[str, Schema]) -> Iterator[dict[str, object]]:
    for declared in REGISTRY:
        shown = components[row(declared.name)]
        asked = components.get(new(declared.name)) or components.get(change(declared.name)) or shown
        yield {"name": declared.name, "text": shown["description"], "lines": list(_lines(asked))}


def _modules(components: Mapping[str, Schema]) -> Iterator[dict[str, object]]:
    for name, module in components["ConfigurationValues"]["properties"].items():
        yield {"name": name, "lines": list(_lines(module))}


def _resolved(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    return components[name] if name else schema


def _lines(schema: Schema) -> Iterator[Line]:
    """The members of `schema`; of one with choices, those of the first."""
    chosen = schema["oneOf"][0] if "oneOf" in schema else schema
    needed = set(chosen.get("required", ()))
    for name, member in chosen.get("properties", {}).items():
        yield Line(
            name,
            _kind(member),
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
    limits = [words.format(schema[key]) for key, words in _LIMITS.items() if key in schema]
    choices = [schema["const"]] if "const" in schema else schema.get("enum", ())
    if choices:
        limits.append(", ".join(_shown(choice) for choice in choices if choice is not None))
    return ", ".join(limits)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
