"""The values of the controller as JSON and back, by the names of their own types.

Only what is data has a form: numbers, texts, collections, and the dataclasses, enums, rows and
messages of this package. Whatever is secret is hidden on the way out.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from gateway.credentials.values import BadFrame, Credential, CredentialKind
from gateway.errors import BrokenRecord, GatewayError
from gateway.link.messages import Captured
from gateway.store.policy.people import Reading

LONGEST_KEY_BITS = 8
"""A frame of so few bits is a key of a keypad."""

_ROOMS = frozenset(
    {
        "access",
        "alarms",
        "clock",
        "controller",
        "credentials",
        "doors",
        "errors",
        "hardware",
        "host",
        "link",
        "settings",
        "store",
    }
)
"""Where the types of a record may come from."""

_COLLECTIONS: Mapping[str, Callable[[Iterator[Any]], Any]] = {
    kind.__name__: kind for kind in (list, deque, set, frozenset)
}

Hide = Callable[[str], str]
"""Gives the stand-in of a secret."""


class NotDataError(TypeError):
    """A value that has no form in a record."""


def encode(value: Any, hide: Hide) -> Any:
    """`value` as JSON. Raises NotDataError for anything that acts."""
    match value:
        case Enum():
            form: Any = {"is": _name(type(value)), "of": value.value}
        case None | bool() | int() | float() | str():
            form = value
        case datetime():
            form = {"is": "datetime", "of": value.isoformat()}
        case bytes():
            form = {"is": "bytes", "of": value.hex()}
        case GatewayError():
            form = {"is": _name(type(value)), "text": str(value)}
        case BaseModel() if type(value).__module__.startswith("gateway.link."):
            shown = _without_secret(value, hide)
            form = {"is": _name(type(value)), "of": shown.model_dump(mode="json")}
        case _ if is_dataclass(value) and not isinstance(value, type):
            shown = _without_secret(value, hide)
            names = [each.name for each in fields(shown)]
            members = {name: encode(getattr(shown, name), hide) for name in names}
            form = {"is": _name(type(value)), **members}
        case _:
            form = _encode_many(value, hide)
    return form


def _encode_many(value: Any, hide: Hide) -> Any:
    if isinstance(value, Mapping):
        kind = "dict" if isinstance(value, dict) else "mapping"
        pairs = [[encode(key, hide), encode(each, hide)] for key, each in value.items()]
        return {"is": kind, "of": pairs}
    if not isinstance(value, tuple | list | deque | set | frozenset):
        raise NotDataError(f"{type(value).__qualname__} is no data")
    # A set has no order of its own, and a record must not depend on the one it happens to have.
    ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
    forms = [encode(each, hide) for each in ordered]
    if type(value) is tuple:
        return forms
    named = hasattr(value, "_fields")
    return {"is": _name(type(value)) if named else type(value).__name__, "of": forms}


def _without_secret(value: Any, hide: Hide) -> Any:
    match value:
        case Credential(kind=CredentialKind.PIN, value=typed):
            return replace(value, value=hide(str(typed)))
        case BadFrame(bits=bits) if len(bits) <= LONGEST_KEY_BITS:
            return replace(value, bits=hide(bits))
        case Reading(secret=secret) if secret:
            return replace(value, secret=hide(secret))
        case Captured(value=read) if read is not None:
            return value.model_copy(update={"value": hide(str(read))})
    return value


def decode(data: Any) -> Any:
    """The value that `encode` gave the form `data`. Raises BrokenRecord."""
    try:
        return _decode(data)
    except BrokenRecord:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BrokenRecord(f"{str(data)[:80]} cannot be read: {error}") from error


def _decode(data: Any) -> Any:
    if isinstance(data, list):
        return tuple(_decode(each) for each in data)
    if not isinstance(data, dict):
        return data
    kind, of = data["is"], data.get("of")
    if kind in _COLLECTIONS:
        return _COLLECTIONS[kind](_decode(each) for each in of or ())
    if kind in ("dict", "mapping"):
        found = {_decode(key): _decode(each) for key, each in of or ()}
        return found if kind == "dict" else MappingProxyType(found)
    if kind in ("datetime", "bytes"):
        return (datetime.fromisoformat if kind == "datetime" else bytes.fromhex)(str(of))
    return _build(type_named(kind), data)


def _build(kind: type, data: Mapping[str, Any]) -> Any:
    if issubclass(kind, Enum):
        return kind(data["of"])
    if issubclass(kind, GatewayError):
        return kind(data["text"])
    if issubclass(kind, BaseModel):
        return kind.model_validate(data["of"])
    if issubclass(kind, tuple) and hasattr(kind, "_make"):
        return kind._make(_decode(each) for each in data["of"])
    if is_dataclass(kind):
        return kind(**{name: _decode(each) for name, each in data.items() if name != "is"})
    raise BrokenRecord(f"{kind.__qualname__} is no data")


def type_named(name: str) -> type:
    """The type of this package that a record calls `name`. Raises BrokenRecord."""
    module, _, last = name.rpartition(".")
    if module.partition(".")[0] not in _ROOMS:
        raise BrokenRecord(f"there is no type {name!r}")
    try:
        found = getattr(importlib.import_module(f"gateway.{module}"), last)
    except (ImportError, AttributeError) as error:
        raise BrokenRecord(f"this version has no type {name!r}") from error
    if not isinstance(found, type):
        raise BrokenRecord(f"{name!r} is no type")
    return found


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("gateway.")
