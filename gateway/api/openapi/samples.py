"""Examples of answers, and of requests with curl, derived from the description."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from gateway.api.openapi.fields import Schema

JSON = "application/json"
_NAMED: Mapping[str, object] = {
    "session": "1pOGQq5jiW0dfZxVqmIjmB4i",
    "token": "q7Jm2hV0sYb5nUcK",
    "name": "Ana",
    "time": 1_795_419_000,
    "timestamp": 1_795_419_000,
    "ip": "192.168.0.129",
    "netmask": "255.255.255.0",
    "gateway": "192.168.0.1",
    "mac": "FC:52:CE:02:11:33",
    "host": "192.168.0.10",
    "version": "0.1.0",
}
"""Member name -> a more telling example than its type alone gives."""
_PLAIN: Mapping[str, object] = {
    "integer": 0,
    "number": 0.5,
    "string": "",
    "boolean": True,
    "null": None,
}


def sample(schema: Schema, components: Mapping[str, Schema], name: str = "") -> Any:
    """A value that `schema` allows, for the member `name`."""
    if "$ref" in schema:
        return sample(components[schema["$ref"].rpartition("/")[2]], components, name)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return sample(choices[0], components, name)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values:
        return values[0]
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        return _members(schema, components)
    if kind == "array":
        return [sample(item, components, name) for item in [schema.get("items")] if item]
    return _fitting(schema, kind, name)


def _members(schema: Schema, components: Mapping[str, Schema]) -> dict[str, Any]:
    shown = list(schema.get("properties", {}).items())[: schema.get("maxProperties")]
    found = {name: sample(member, components, name) for name, member in shown}
    further = schema.get("additionalProperties")
    if not found and isinstance(further, dict):
        found["name"] = sample(further, components)
    return found


def _fitting(schema: Schema, kind: str, name: str) -> object:
    is_id = kind == "integer" and name.rpartition("_")[2] in {"id", "ids"}
    value: object = 1 if is_id else _NAMED.get(name, _PLAIN[kind])
    if type(value) is not type(_PLAIN[kind]) or "pattern" in schema or "format" in schema:
        value = schema.get("default", _PLAIN[kind])
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, schema.get("minimum", value)), schema.get("maximum", value))
    if isinstance(value, str):
        return value.ljust(schema.get("minLength", 0), "0")[: schema.get("maxLength")]
    return value


def curl(
    method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Schema]
) -> str:
    """The request as a shell command that uses the variables GATEWAY, and SESSION or TOKEN."""
    words = ["curl"]
    query = [
        f"{parameter['name']}={sample(parameter['schema'], components)}"
        for parameter in operation.get("parameters", ())
        if parameter["required"]
    ]
    needs = [name for choice in operation["security"] for name in choice]
    if "query" in needs:
        query.insert(0, "session=$SESSION")
    if "token" in needs:
        words += ["-H", '"Authorization: Bearer $TOKEN"']
    media, content = next(
        iter(operation.get("requestBody", {"content": {"": {}}})["content"].items())
    )
    implied = "get"  # the method that curl uses for these options
    if media == JSON and "example" in content:
        words += ["--json", shlex.quote(json.dumps(content["example"], ensure_ascii=False))]
        implied = "post"
    elif media not in {"", JSON}:
        words += ["-H", f"'Content-Type: {media}'", "--data-binary", "@FILE"]
        implied = "post"
    if method != implied:
        words += ["-X", method.upper()]
    done = operation["responses"].get("200", {"content": {}})["content"]
    if "application/octet-stream" in done:
        words += ["-o", "FILE"]
    address = f"$GATEWAY{path}{'?' if query else ''}{'&'.join(query)}"
    return " ".join([*words, f'"{address}"'])
