"""Every command by name, from the declarations in the modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from types import MappingProxyType

from gateway.commands import (
    absent,
    accounts,
    alarms,
    audit,
    authorization,
    backup,
    certificate,
    clock,
    configuration,
    custom_fields,
    diagnostics,
    doors,
    enrolment,
    events,
    explain,
    explain_event,
    first_run,
    gpio,
    import_undo,
    live,
    logins,
    modes,
    network,
    network_trial,
    objects,
    occupancy,
    osdp,
    osdp_bus,
    outbox,
    passback,
    peer_interlock,
    photos,
    power,
    probes,
    reports,
    rule_sets,
    search,
    setup,
    simulation,
    site_file,
    system,
    system_log,
    threat,
    transfer,
    turnstile,
    update,
    who_can_open,
    wiring,
)
from gateway.commands.answers import Answer
from gateway.commands.audit import audited
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import parse
from gateway.commands.rights import Caller, check_right

_MODULES = (
    logins,
    objects,
    custom_fields,
    configuration,
    doors,
    peer_interlock,
    alarms,
    live,
    turnstile,
    update,
    modes,
    threat,
    enrolment,
    authorization,
    passback,
    occupancy,
    system,
    system_log,
    accounts,
    gpio,
    absent,
    photos,
    certificate,
    clock,
    network,
    network_trial,
    power,
    probes,
    first_run,
    setup,
    site_file,
    reports,
    search,
    transfer,
    import_undo,
    audit,
    backup,
    diagnostics,
    explain,
    explain_event,
    who_can_open,
    events,
    outbox,
    wiring,
    osdp,
    osdp_bus,
    rule_sets,
    simulation,
)

_ALL: tuple[Command, ...] = tuple(it for module in _MODULES for it in module.COMMANDS)

COMMANDS: Mapping[str, Command] = MappingProxyType({command.name: command for command in _ALL})


def execute(
    command: Command,
    context: CommandContext,
    caller: Caller,
    body: Callable[[], Mapping[str, object]],
) -> Answer:
    """Run `command` for `caller`; `body` is read only after the check of the caller's right.

    Raises NotAuthenticated, NotPermitted, InvalidRequest, TooBusy, or an error of the command.
    """
    check_right(caller, command.needs)
    # The body comes first: a client that sends it slowly must not hold the turn of the heavy ones.
    # The server bounds how many large ones are in memory.
    call = Call(context, caller, parse(command.request, body()))
    with context.heavy.turn() if command.heavy else nullcontext(), audited(command, call):
        return command.run(call)
