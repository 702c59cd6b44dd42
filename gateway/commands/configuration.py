"""Reads and sets the configuration: strings by module and key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

from gateway.commands.answers import DONE, Done, StoredConfiguration
from gateway.commands.audit import audited_configuration
from gateway.commands.clock import NTP_ENABLED, follow_network_time
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import ConfigurationChange, ConfigurationRequest
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere
from gateway.objects.configuration import Kind
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.store.objects.configuration import Values, check

_DERIVED: Mapping[tuple[str, str], Callable[[CommandContext], str]] = MappingProxyType(
    {("general", "relay_count"): lambda context: str(len(context.site.door))}
)
"""The values of the keys that the site file alone determines."""


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


def set_configuration(call: Call[ConfigurationChange]) -> Done:
    """Set the given keys, all or none."""
    values = call.request.modules()
    checked = check(values)
    _check_interlocks(call.context, checked)
    enabled = checked.get(NTP_ENABLED)
    if enabled is not None:
        # First, since the machine may refuse. It is not undone if the database refuses.
        follow_network_time(call.context, enabled=enabled == "1")
    with audited_configuration(call, values):
        call.context.store.set_configuration(values)
    return DONE


def _check_interlocks(context: CommandContext, checked: Values) -> None:
    """Raise InvalidRequest if an interlock names a door that the site does not have."""
    doors = {str(door.id) for door in context.site.door}
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
