"""Every command by name. Each room's module declares its own; here they meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.commands import (
    absent,
    accounts,
    alarms,
    audit,
    authorization,
    backup,
    buzzer,
    certificate,
    clock,
    configuration,
    custom_fields,
    doors,
    enrolment,
    explain,
    first_run,
    gpio,
    interlock,
    logins,
    modes,
    network,
    objects,
    passback,
    photos,
    power,
    probes,
    reports,
    system,
    system_log,
    tokens,
    transfer,
    turnstile,
    who_can_open,
)
from gateway.commands.answers import Answer
from gateway.commands.audit import audited
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import parse
from gateway.commands.rights import Caller, check_right

_ALL: tuple[Command, ...] = (
    *logins.COMMANDS,
    *objects.COMMANDS,
    *custom_fields.COMMANDS,
    *configuration.COMMANDS,
    *doors.COMMANDS,
    *alarms.COMMANDS,
    *turnstile.COMMANDS,
    *modes.COMMANDS,
    *enrolment.COMMANDS,
    *authorization.COMMANDS,
    *passback.COMMANDS,
    *system.COMMANDS,
    *system_log.COMMANDS,
    *interlock.COMMANDS,
    *tokens.COMMANDS,
    *accounts.COMMANDS,
    *gpio.COMMANDS,
    *buzzer.COMMANDS,
    *absent.COMMANDS,
    *photos.COMMANDS,
    *certificate.COMMANDS,
    *clock.COMMANDS,
    *network.COMMANDS,
    *power.COMMANDS,
    *probes.COMMANDS,
    *first_run.COMMANDS,
    *reports.COMMANDS,
    *transfer.COMMANDS,
    *audit.COMMANDS,
    *backup.COMMANDS,
    *explain.COMMANDS,
    *who_can_open.COMMANDS,
)

COMMANDS: Mapping[str, Command] = MappingProxyType({command.name: command for command in _ALL})
"""Name -> command."""


def execute(
    command: Command,
    context: CommandContext,
    caller: Caller,
    body: Callable[[], Mapping[str, object]],
) -> Answer:
    """Run `command` for `caller`; `body` is asked for its members once the right is proved.

    Raises NotAuthenticated, NotPermitted, InvalidRequest, or what the command itself raises.
    """
    check_right(caller, command.needs)
    call = Call(context, caller, parse(command.request, body()))
    with audited(command, call):
        return command.run(call)
