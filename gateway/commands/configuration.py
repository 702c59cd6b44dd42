"""Reads and sets the configuration: strings by module and key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

from gateway.commands.answers import StoredConfiguration
from gateway.commands.audit import audited_configuration
from gateway.commands.clock import NTP_ENABLED, follow_network_time
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.modes import ModeSet, set_configured_modes
from gateway.commands.requests import ConfigurationChange, ConfigurationRequest
from gateway.commands.rights import Right
from gateway.errors import (
    DeviceUnavailable,
    InvalidRequest,
    NotSupportedHere,
)
from gateway.objects.configuration import Kind
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.modes import mode_key
from gateway.store.objects.configuration import Values, check
from gateway.store.objects.mode_rows import PLACES

_DERIVED: Mapping[tuple[str, str], Callable[[CommandContext], str]] = MappingProxyType(
    {("general", "relay_count"): lambda context: str(len(context.site.door))}
)
"""The values of the keys that the site file alone determines."""

_MODES: Mapping[tuple[str, str], int] = MappingProxyType(
    {("general", mode_key(place)): place for place in PLACES}
)
"""The keys with exception modes, and the door of each; 0 is the device."""


def get_configuration(
    call: Call[ConfigurationRequest],
) -> Annotated[Mapping[str, object], StoredConfiguration]:
    """The values of the requested keys; unknown keys are omitted."""
    values = call.context.store.configuration(
        call.request.modules(), show_secrets=call.caller.sees_secrets
    )
    for (module, key), derive in _DERIVED.items():
        if key in values.get(module, {}):
            values[module][key] = derive(call.context)
    return values


def set_configuration(call: Call[ConfigurationChange]) -> ModeSet:
    """Set the given keys, all or none.

    Exception modes alone are in force on a full or read-only disk too, and the answer then has a
    `warning`, as that of `set_exception_mode`.
    """
    values = call.request.modules()
    checked = check(values)
    _check_interlocks(call.context, checked)
    enabled = checked.get(NTP_ENABLED)
    if enabled is not None:
        # First, since the machine may refuse. It is not undone if the database refuses.
        follow_network_time(call.context, enabled=enabled == "1")

    def store() -> None:
        with audited_configuration(call, values):
            call.context.store.set_configuration(values)

    modes = {_MODES[key]: word for key, word in checked.items() if key in _MODES}
    if not modes:
        store()
        return {}
    # With other keys, all or none holds.
    return set_configured_modes(call, modes if len(modes) == len(checked) else {}, store)


def _check_interlocks(context: CommandContext, checked: Values) -> None:
    """Raise InvalidRequest if an interlock names a door that the site does not have."""
    doors = {str(door.id) for door in context.site.doors()}
    for (module, key), listed in checked.items():
        if CONFIGURATION.known(module, key).kind is Kind.DOORS and listed:
            for door in listed.split(","):
                if door not in doors:
                    raise InvalidRequest(f"{module}.{key}: this device has no door {door}")


COMMANDS = (
    Command(get_configuration, example={"general": ["relay1_timeout", "exception_mode"]}),
    Command(
        set_configuration,
        Right.ADMINISTRATOR,
        errors=(NotSupportedHere, DeviceUnavailable),
        example={"general": {"relay1_timeout": "3000"}},
    ),
)
