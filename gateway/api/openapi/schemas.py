"""JSON Schema of objects, searches and configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, NoReturn, get_args, get_origin

from pydantic import TypeAdapter

from gateway.api.openapi.fields import Schema, answered, asked
from gateway.commands.answers import ByteStream, StoredConfiguration, StoredRows, TextStream
from gateway.commands.command import Command
from gateway.commands.requests import (
    ConfigurationChange,
    ConfigurationRequest,
    CreateRequest,
    DestroyRequest,
    LoadRequest,
    ModifyRequest,
)
from gateway.objects.catalogue import REGISTRY
from gateway.objects.configuration import VALUE_MAX, Catalogue, ConfigurationKey, Kind
from gateway.objects.declaration import ObjectType, Registry
from gateway.store.query.tree import Operator
from gateway.store.query.where import LIST_MAX

_COMPONENT = "#/components/schemas/{model}"
ROW_LIMIT = (1 << 63) - 1


def ref(name: str) -> Schema:
    """A reference to the component `name`."""
    return {"$ref": f"#/components/schemas/{name}"}


def row(name: str) -> str:
    """The component of an answered row of the object `name`."""
    return f"{name}_row"


def new(name: str) -> str:
    """The component of a new row."""
    return f"{name}_new"


def change(name: str) -> str:
    """The component of the values of a change."""
    return f"{name}_change"


def object_components(registry: Registry) -> dict[str, Schema]:
    """Schemas of the rows of every object: answered, new and changed."""
    components: dict[str, Schema] = {}
    for declared in registry:
        components[row(declared.name)] = {
            "type": "object",
            "description": _about(declared),
            "properties": {field.name: answered(field) for field in declared.fields},
        }
        if declared.read_only:
            continue
        values = {field.name: asked(field) for field in declared.fields}
        for alias, name in declared.aliases.items():
            values[alias] = {**values[name], "description": f"Another name of `{name}`."}
        components[change(declared.name)] = {
            "type": "object",
            "properties": values,
            "additionalProperties": declared.custom,
        }
        if declared.addable:
            components[new(declared.name)] = {
                "type": "object",
                "properties": values,
                "required": _required(declared),
                "additionalProperties": declared.custom,
            }
    return components


def _required(declared: ObjectType) -> list[str]:
    """Required fields without an alias."""
    otherwise = set(declared.aliases.values())
    return [
        field.name for field in declared.fields if field.required and field.name not in otherwise
    ]


def _about(declared: ObjectType) -> str:
    notes = [f"A row of `{declared.name}`."]
    if declared.read_only:
        notes.append("Clients may only read it.")
    elif declared.log:
        notes.append("A log: clients add no rows, and only administrators change it.")
    if declared.custom:
        notes.append("Clients add further fields with `object_add_field`.")
    if declared.made_by:
        notes.append(f"Only {declared.made_by} add and remove rows.")
    if declared.secret:
        notes.append("For administrators only.")
    if declared.ring:
        notes.append(f"The device keeps the newest {declared.ring}.")
    notes += [f"Unique together: {', '.join(pair)}." for pair in declared.pairs_unique]
    return " ".join(notes)


def load_request(registry: Registry) -> Schema:
    """The search of `load_objects`."""
    whole = {"type": ["integer", "null"], "maximum": ROW_LIMIT}
    return {
        "type": "object",
        "required": ["object"],
        "properties": {
            "object": {"enum": [declared.name for declared in registry]},
            "fields": _names("Fields to answer; default: all. `COUNT(*)` counts rows."),
            "where": ref("Where"),
            "order": _names("Fields to sort by, with `ascending` or `descending` among them."),
            "group": _names("Fields to group by."),
            "limit": {**whole, "description": "The most rows to answer; negative: no limit."},
            "offset": {**whole, "description": "Rows to skip; ignored without a limit."},
            "join": {"enum": ["INNER", "LEFT", None]},
        },
    }


def _names(text: str) -> Schema:
    element = {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "required": ["object", "field"],
                "properties": {"object": {"type": "string"}, "field": {"type": "string"}},
            },
        ]
    }
    return {"type": ["array", "null"], "items": element, "description": text}


def where_component() -> Schema:
    """The two dialects of conditions."""
    value = {
        "anyOf": [
            {"type": ["string", "integer", "null"]},
            {"type": "array", "items": {"type": ["string", "integer"]}, "maxItems": LIST_MAX},
        ]
    }
    clause = {
        "type": "object",
        "required": ["object", "field"],
        "properties": {
            "object": {"type": "string"},
            "field": {"type": "string"},
            "operator": {"enum": [operator.value for operator in Operator]},
            "value": value,
            "connector": {"enum": ["AND", "OR", ") AND (", ") OR ("]},
        },
    }
    conditions = {
        "type": "object",
        "additionalProperties": {
            "anyOf": [*value["anyOf"], {"type": "object", "additionalProperties": value}]
        },
    }
    return {
        "description": (
            "Either clauses, each joined to the next by its connector, or object -> field -> "
            "condition, all of which must hold. A text with `%` is a pattern. Default: every row."
        ),
        "anyOf": [
            {"type": "null"},
            {"type": "array", "items": clause},
            {"type": "object", "additionalProperties": conditions},
        ],
    }


def create_request(registry: Registry) -> Schema:
    """New rows of one object."""
    return _one_of(
        {"object": {"const": declared.name}, "values": _rows(new(declared.name))}
        for declared in registry
        if declared.addable
    )


def modify_request(registry: Registry) -> Schema:
    """Values for the matching rows of one object."""
    return _one_of(
        {
            "object": {"const": declared.name},
            "values": ref(change(declared.name)),
            "where": ref("Where"),
        }
        for declared in registry
        if not declared.read_only
    )


def destroy_request(registry: Registry) -> Schema:
    """The object and the condition for its rows."""
    names = [it.name for it in registry if not (it.read_only or it.made_by)]
    return {
        "type": "object",
        "required": ["object"],
        "properties": {"object": {"enum": names}, "where": ref("Where")},
    }


def _one_of(choices: Any) -> Schema:
    return {
        "oneOf": [
            {"type": "object", "required": ["object", "values"], "properties": properties}
            for properties in choices
        ]
    }


def _rows(component: str) -> Schema:
    return {"type": "array", "items": ref(component)}


def rows_answer(registry: Registry) -> Schema:
    """Rows under the name of their object; they may have fields of other objects and counts."""
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {declared.name: _rows(row(declared.name)) for declared in registry},
        "additionalProperties": False,
    }


def configuration_components(catalogue: Catalogue) -> dict[str, Schema]:
    """The values of configuration keys, as they are answered and set."""
    answers: dict[str, Schema] = {}
    settings: dict[str, Schema] = {}
    for key in catalogue:
        shown = {"type": "string", "description": _about_key(key)}
        answers.setdefault(key.module, {})[key.key] = shown
        if not key.derived:
            settings.setdefault(key.module, {})[key.key] = _setting(key)
    return {
        "Configuration": _modules(answers),
        "ConfigurationValues": _modules(settings, additionalProperties=False),
        "ConfigurationKeys": {
            "type": "object",
            "description": "Module -> keys; default: all. The answer omits unknown ones.",
            "properties": {
                module: {"type": ["array", "string"], "items": {"type": "string"}}
                for module in answers
            },
        },
    }


def _setting(key: ConfigurationKey) -> Schema:
    stored = {"type": "string", **_spelling(key)}
    about = {"description": _about_key(key)}
    if not key.secret:
        about["default"] = key.default
    if key.kind not in {Kind.FLAG, Kind.INT, Kind.DECIMAL}:
        return {**stored, **about}
    low, high = (0, 1) if key.kind is Kind.FLAG else (key.minimum, key.maximum)
    kind = "number" if key.kind is Kind.DECIMAL else "integer"
    number = {"type": kind, "minimum": low, "maximum": high}
    return {"anyOf": [stored, number], **about}


def _modules(modules: dict[str, Schema], **more: Any) -> Schema:
    return {
        "type": "object",
        "properties": {
            name: {"type": "object", "properties": keys, **more} for name, keys in modules.items()
        },
        **more,
    }


def _about_key(key: ConfigurationKey) -> str:
    text = f"{key.told} " if key.live else "Stored and answered; this device does not act on it. "
    if key.derived:
        text = "Derived from the site file; it cannot be set. "
    if key.kind in {Kind.INT, Kind.DECIMAL}:
        empty = "" if key.default else ", or empty"
        unit = f" {key.unit}" if key.unit else ""
        text += f"A number, {key.minimum} to {key.maximum}{unit}{empty}. "
    text += "".join(f"{_code(value)}: {words}. " for value, words in key.worded.items())
    if key.secret:
        text += "For administrators only."
    return text.strip()


def _code(value: str) -> str:
    return f"`{value}`" if value else "Empty"


def _spelling(key: ConfigurationKey) -> Schema:
    if key.kind is Kind.FLAG:
        return {"enum": ["0", "1"]}
    if key.kind is Kind.VERSION:
        return {"pattern": r"^[0-9]{1,4}(\.[0-9]{1,4}){1,3}$"}
    if key.kind is Kind.DECIMAL:
        return {"pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?$"}
    if key.kind is Kind.CHOICE:
        return {"enum": list(key.choices)}
    if key.kind is Kind.INT:
        return {"pattern": "^[0-9]{1,18}$" if key.default else "^[0-9]{0,18}$"}
    return {"maxLength": VALUE_MAX}


_DECLARED: Mapping[type, Callable[[], Schema]] = MappingProxyType(
    {
        LoadRequest: lambda: load_request(REGISTRY),
        CreateRequest: lambda: create_request(REGISTRY),
        ModifyRequest: lambda: modify_request(REGISTRY),
        DestroyRequest: lambda: destroy_request(REGISTRY),
        StoredRows: lambda: rows_answer(REGISTRY),
        ConfigurationRequest: lambda: ref("ConfigurationKeys"),
        ConfigurationChange: lambda: ref("ConfigurationValues"),
        StoredConfiguration: lambda: ref("Configuration"),
        TextStream: lambda: {"type": "string"},
        ByteStream: dict,
    }
)
"""Model -> schema, where objects, configuration or files declare the members."""


def model_schema(model: Any, components: dict[str, Schema]) -> Schema:
    """The schema of a request or answer model; adds what it refers to to `components`."""
    if model in _DECLARED:
        return _DECLARED[model]()
    schema = declared_schema(model)
    components.update(schema.pop("$defs", {}))
    if not isinstance(model, type):
        return schema
    components[model.__name__] = schema
    return ref(model.__name__)


def declared_schema(model: Any) -> Schema:
    """The schema of a model, with keywords of JSON Schema only."""
    schema = TypeAdapter(model).json_schema(by_alias=True, ref_template=_COMPONENT)
    for part in (schema, *schema.get("$defs", {}).values()):
        for member in part.get("properties", {}).values():
            # A null that means "not given" and that no client may send is not a default.
            if member.get("default", "") is None and isinstance(member.get("type"), str):
                del member["default"]
            # pydantic writes bounds behind a custom validator this way.
            for word, keyword in (("ge", "minimum"), ("le", "maximum")):
                if word in member:
                    member[keyword] = member.pop(word)
    return schema


def answer_schema(command: Command, components: dict[str, Schema]) -> Schema | None:
    """The schema of a command's answer; None if the device always refuses the command."""
    model = command.answer
    if model is NoReturn:
        return None
    if get_origin(model) is Annotated:
        _, model = get_args(model)
    return model_schema(model, components)
