"""JSON Schema of a field's values in requests and answers."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from gateway.objects.fields import (
    Blob,
    Choice,
    Digits,
    Extension,
    Field,
    HexText,
    Id,
    Int,
    PortNumber,
    Ref,
    Text,
    Word,
)

Schema = dict[str, Any]


def answered(field: Field) -> Schema:
    """The values of `field` in an answer."""
    return _explained(field, _kind(field))


def asked(field: Field) -> Schema:
    """The values that a request may write into `field`; null stands for its default."""
    schema = _kind(field)
    if not (field.required or isinstance(field, Id)):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
        if field.default is not None and not field.secret:
            schema["default"] = field.encode(field.default)
    return _explained(field, schema)


def _explained(field: Field, schema: Schema) -> Schema:
    notes = [schema.pop("description", "")]
    if field.unique:
        notes.append("Unique.")
    if field.secret:
        notes.append("For administrators only.")
    if field.extension is Extension.OURS:
        notes.append("Answered only when `fields` names it.")
    elif field.extension:
        notes.append(f"Without a {field.extension} answered only when `fields` names it.")
    if field.derived:
        notes.append("Set by the device, which ignores a given value.")
    text = " ".join(note for note in notes if note)
    return {**schema, "description": text} if text else schema


@singledispatch
def _kind(field: Field) -> Schema:
    raise TypeError(f"no schema for {type(field).__name__}")


# The common base of all integer fields, which `gateway.objects.fields` does not export.
@_kind.register(Int.__mro__[1])
def _integer(field: Int) -> Schema:
    return {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}


@_kind.register
def _id(field: Id) -> Schema:
    text = "Given by the device if left out." if field.auto else ""
    return {**_integer(field), "description": text}


@_kind.register
def _choice(field: Choice) -> Schema:
    return {"type": "integer", "enum": list(field.choices)}


@_kind.register
def _ref(field: Ref) -> Schema:
    return {**_integer(field), "description": f"The id of a row of `{field.target}`."}


@_kind.register
def _text(field: Text) -> Schema:
    return {"type": "string", "maxLength": field.max_length}


@_kind.register
def _word(field: Word) -> Schema:
    return {"type": "string", "enum": [str(word) for word in field.words]}


@_kind.register
def _digits(field: Digits) -> Schema:
    return {**_text(field), "pattern": "^[0-9]+$"}


@_kind.register
def _port(field: PortNumber) -> Schema:
    return {**_text(field), "pattern": "^[0-9]*$"}


@_kind.register
def _hexadecimal(field: HexText) -> Schema:
    return {**_text(field), "pattern": "^[0-9A-Fa-f]+$", "description": "Hexadecimal."}


@_kind.register
def _blob(field: Blob) -> Schema:
    longest = (field.max_bytes + 2) // 3 * 4
    return {"type": "string", "contentEncoding": "base64", "maxLength": longest}
