"""Writes the tables of a site file as its text.

The keys and their order are those of `SiteFile`; there is no second list of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from gateway.errors import SettingsError
from gateway.settings.files import with_end
from gateway.settings.site import SiteFile

_COMMENT = "# Written by the set-up on the device's page; gateway/docs describes every key."


def composed(tables: Mapping[str, Any]) -> str:
    """The text of a site file with these tables, as `tomllib` would read them.

    Unknown keys are written too: the check of the text refuses them by name. Raises SettingsError
    for a value that TOML has not.
    """
    order = {name: number for number, name in enumerate(SiteFile.model_fields)}
    names = sorted(tables, key=lambda name: order.get(name, len(order)))
    blocks = [_COMMENT]
    for name in names:
        blocks += _blocks(name, tables[name], _fields_of(name))
    return with_end("\n\n".join(blocks))


def _blocks(name: str, value: Any, fields: list[str]) -> Iterator[str]:
    if isinstance(value, list) and value and all(isinstance(it, Mapping) for it in value):
        for item in value:
            yield "\n".join([f"[[{_key(name)}]]", *_lines(item, fields)])
    elif isinstance(value, Mapping):
        plain = {key: it for key, it in value.items() if not _is_group(name, it)}
        if plain or not value:
            yield "\n".join([f"[{_key(name)}]", *_lines(plain, fields)])
        for key in value:
            if key not in plain:
                yield "\n".join([f"[{_key(name)}.{_key(key)}]", *_lines(value[key], [])])
    else:
        raise SettingsError(f"{name}: a table is needed")


def _is_group(name: str, value: Any) -> bool:
    """Whether a table in the table `name` gets a header of its own: those of `initial`."""
    return isinstance(value, Mapping) and name == "initial"


def _lines(table: Mapping[str, Any], fields: list[str]) -> Iterator[str]:
    order = {name: number for number, name in enumerate(fields)}
    for key in sorted(table, key=lambda name: order.get(name, len(order))):
        yield f"{_key(key)} = {_value(key, table[key])}"


def _fields_of(table: str) -> list[str]:
    """The keys of a table in the order of their declaration; of several kinds, of all."""
    field = SiteFile.model_fields.get(table)
    return [name for model in _models(field.annotation if field else None) for name in model]


def _models(annotation: object) -> Iterator[list[str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield [*annotation.model_fields]
    for part in get_args(annotation):
        yield from _models(part)


def _key(name: str) -> str:
    bare = name.replace("-", "").replace("_", "")
    return name if bare.isascii() and bare.isalnum() else _text(name)


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(key, it) for it in value)}]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(name)} = {_value(name, it)}" for name, it in value.items())
        return f"{{ {pairs} }}"
    raise SettingsError(f"{key}: a text, a number, true, false, a list or a table is needed")


def _text(text: str) -> str:
    """JSON's form of a text is TOML's too, but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
