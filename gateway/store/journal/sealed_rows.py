"""The secrets in entries of the journal: those columns of `access_logs` that the store seals too.

They are sealed alike, so that the projection copies them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import KeyUnusable
from gateway.objects.columns import sealed_as
from gateway.objects.logs import ACCESS_LOGS
from gateway.sealing import Sealer, is_sealed

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


def opened_row(row: Mapping[str, Any], sealer: Sealer) -> Mapping[str, Any]:
    """The row of an access as it happened; what cannot be opened is empty."""
    sealed = {name: row[name] for name in _SECRETS if is_sealed(row.get(name))}
    if not sealed:
        return row
    return {**row, **{it: sealer.opened(_SECRETS[it], text) or "" for it, text in sealed.items()}}
