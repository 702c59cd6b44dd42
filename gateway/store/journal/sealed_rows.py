"""The secrets in entries of the journal: those columns of `access_logs` that the store seals too.

They are sealed alike, so that the projection copies them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peewee

from gateway.errors import KeyUnusable
from gateway.objects.columns import sealed_as
from gateway.objects.logs import ACCESS_LOGS
from gateway.sealing import Sealer, is_sealed, key_id_of

_SECRETS = {
    field.name: sealed_as(ACCESS_LOGS.name, field.name)
    for field in ACCESS_LOGS.fields
    if field.sealed
}


def sealed_body(body: Mapping[str, Any], sealer: Sealer) -> Mapping[str, Any]:
    """The body of an access with its secrets sealed; without a key they are left out. Any other
    body is as it was."""
    row = body.get("row")
    if not isinstance(row, Mapping) or not any(row.get(name) for name in _SECRETS):
        return body
    try:
        changed = {
            name: sealer.seal(context, str(row[name]))
            for name, context in _SECRETS.items()
            if row.get(name)
        }
    except KeyUnusable:
        changed = dict.fromkeys(set(_SECRETS) & row.keys(), "")
    return {**body, "row": {**row, **changed}}


def resealed_body(body: Mapping[str, Any], sealer: Sealer, *, forget: bool) -> Mapping[str, Any]:
    """As `sealed_body`, for an entry of the file. What is sealed with another key stays, or is
    emptied to `forget` it. Raises KeyUnusable."""
    row = body.get("row")
    if not isinstance(row, Mapping):
        return body
    foreign = _foreign(row, sealer)
    if foreign and not forget:
        return body
    return sealed_body({**body, "row": {**row, **dict.fromkeys(foreign, "")}}, sealer)


def storable_row(row: Mapping[str, Any], sealer: Sealer) -> Mapping[str, Any]:
    """The row of an access for a table of the store, whose columns seal what is clear.

    Sealed values go there as they are. What is sealed with another key than the store's is left
    out, and so is clear text without a key.
    """
    if not any(row.get(name) for name in _SECRETS):
        return row
    usable = sealer.fault is None
    foreign = _foreign(row, sealer) if usable else []
    changed: dict[str, Any] = {}
    for name in _SECRETS:
        value = row.get(name)
        if is_sealed(value) and name not in foreign:
            changed[name] = peewee.Value(value, converter=False)
        elif value and (name in foreign or not usable):
            changed[name] = ""
    return {**row, **changed}


def _foreign(row: Mapping[str, Any], sealer: Sealer) -> list[str]:
    """The secrets that are sealed with another key. Raises KeyUnusable."""
    sealed = [name for name in _SECRETS if is_sealed(row.get(name))]
    return [name for name in sealed if key_id_of(row[name]) != sealer.key_id]


def opened_row(row: Mapping[str, Any], sealer: Sealer) -> Mapping[str, Any]:
    """The row of an access as it happened; what cannot be opened is empty."""
    sealed = {name: row[name] for name in _SECRETS if is_sealed(row.get(name))}
    if not sealed:
        return row
    return {**row, **{it: sealer.opened(_SECRETS[it], text) or "" for it, text in sealed.items()}}
