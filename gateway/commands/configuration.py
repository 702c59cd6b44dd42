"""Configuration values: strings by module and key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.commands.answers import DONE, Answer
from gateway.commands.audit import audited_configuration
from gateway.commands.clock import NTP_ENABLED, follow_network_time
from gateway.commands.command import Command
from gateway.commands.context import CommandContext
from gateway.commands.requests import ConfigurationRequest
from gateway.commands.rights import Caller, Right
from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere
from gateway.objects.configuration import Kind
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.store.configuration import Values, check

_DERIVED: Mapping[tuple[str, str], Callable[[CommandContext], str]] = MappingProxyType(
    {("general", "relay_count"): lambda context: str(len(context.site.door))}
)
"""What the site file says of the keys that it alone decides."""


def get_configuration(
    context: CommandContext, caller: Caller, request: ConfigurationRequest
) -> Answer:
    """The values of the keys asked for; unknown ones are left out."""
    values = context.store.configuration(request.modules(), show_secrets=caller.sees_secrets)
    for (module, key), told in _DERIVED.items():
        if key in values.get(module, {}):
            values[module][key] = told(context)
    return values


def set_configuration(
    context: CommandContext, caller: Caller, request: ConfigurationRequest
) -> Answer:
    """Change the keys given, all or none."""
    values = request.modules()
    checked = check(values)
    _check_interlocks(context, checked)
    enabled = checked.get(NTP_ENABLED)
    if enabled is not None:
        # First, since the machine may refuse; it is not undone when the database does.
        follow_network_time(context, enabled=enabled == "1")
    with audited_configuration(context, caller, values):
        context.store.set_configuration(values)
    return DONE


def _check_interlocks(context: CommandContext, checked: Values) -> None:
    """Raise InvalidRequest for an interlock with a door that this site lacks."""
    doors = {str(door.id) for door in context.site.door}
    for (module, key), listed in checked.items():
        if CONFIGURATION.known(module, key).kind is Kind.DOORS and listed:
            for door in listed.split(","):
                if door not in doors:
                    raise InvalidRequest(f"{module}.{key}: this device has no door {door}")


COMMANDS = (
    Command("get_configuration", ConfigurationRequest, get_configuration),
    Command(
        "set_configuration",
        ConfigurationRequest,
        set_configuration,
        Right.ADMINISTRATOR,
        errors=(NotSupportedHere, DeviceUnavailable),
    ),
)
