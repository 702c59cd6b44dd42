"""Refuses rows that ask for a PIN at a reader that has no keypad.

Checked where such a row is written, and where a reader is tied to another portal. What stood before
is not refused again, so that it can be put right one row at a time; `gateway doctor` names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gateway.access.admission_settings import keypads
from gateway.commands.context import CommandContext
from gateway.errors import InvalidRequest, worded
from gateway.objects.factory import portal_of_readers
from gateway.objects.fields import invalid_member
from gateway.settings import SiteFile
from gateway.store.objects.store import Store

FACTORS = "portal_factor_modes"
_FIELDS: Mapping[str, str] = {
    FACTORS: "mode",
    "portal_script_parameters": "value",
    "script_parameters": "type",
    "scripts": "script",
}
"""The tables that decide on it -> the field that a refusal names."""
_CARD_MODES = (0, 1)
"""The modes for which a card is enough."""


@contextmanager
def readers_fit(context: CommandContext, object_name: str) -> Iterator[None]:
    """Run a write of rows in the running transaction of the store.

    Raises InvalidRequest where after it a reader without keypad stands at a portal that asks for a
    PIN and did not before.
    """
    if object_name not in _FIELDS:
        yield
        return
    before = set(_misfits(context.store, context.site))
    yield
    for misfit in _misfits(context.store, context.site):
        if misfit not in before:
            raise _refusal(object_name, *misfit)


def _refusal(object_name: str, portal_id: int, reader: str, mode: int) -> InvalidRequest:
    expected, got = "mode for a reader without keypad", str(mode)
    if object_name != FACTORS:
        expected, got = "portal that asks for no PIN", str(portal_id)
    why = worded("reader %(reader)s has no keypad for the PIN", reader=reader)
    refused = invalid_member(_FIELDS[object_name], expected, got, why)
    return refused.reworded(
        f"{refused}: reader {reader!r} of portal {portal_id} has no keypad, and mode {mode} of "
        f"{FACTORS} asks for a PIN there"
    )


def _misfits(store: Store, site: SiteFile) -> Iterator[tuple[int, str, int]]:
    """Portal, reader and mode, as the running transaction has them."""

    def rows(table: str, *columns: str) -> list[Any]:
        models = store.models
        return list(models[table].select(*(models.column(table, it) for it in columns)).tuples())

    asking = [row for row in rows(FACTORS, "portal_id", "mode") if row[1] not in _CARD_MODES]
    if not asking:
        return
    portals = portal_of_readers(
        rows("scripts", "id", "script"),
        rows("script_parameters", "id", "script_id", "type"),
        rows(
            "portal_script_parameters",
            "script_parameter_id",
            "script_instance_id",
            "sequence",
            "value",
        ),
    )
    with_keypad = keypads(site)
    for reader in site.reader:
        for portal_id, mode in asking:
            if reader.name not in with_keypad and portals.get(reader.index) == portal_id:
                yield portal_id, reader.name, mode
