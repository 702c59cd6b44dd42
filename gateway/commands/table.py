"""Every command by name: the one place where a command, its request, right and paths meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway.commands import configuration, doors, logins, objects, system
from gateway.commands.answers import Answer
from gateway.commands.context import CommandContext
from gateway.commands.requests import (
    ActionsRequest,
    AlarmRequest,
    ConfigurationRequest,
    CreateRequest,
    DestroyRequest,
    LoadRequest,
    LoginRequest,
    MetadataRequest,
    ModifyRequest,
    NoMembers,
    PasswordRequest,
    RequestModel,
    parse,
)
from gateway.commands.rights import Caller, Right, check_right

POST = frozenset({"POST"})
GET_OR_POST = frozenset({"GET", "POST"})
"""Clients use either (Access API, transport)."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the device can be asked to do."""

    name: str
    request: type[RequestModel]
    run: Callable[[CommandContext, Caller, Any], Answer]
    """Gets the checked request of type `request`."""
    needs: Right = Right.ANY_SESSION
    methods: frozenset[str] = POST
    aliases: tuple[str, ...] = ()
    form: bool = False
    """Takes its members as a form too."""


_ALL = (
    Command("login", LoginRequest, logins.login, Right.NONE, aliases=("hidlogin",), form=True),
    Command("logout", NoMembers, logins.logout, methods=GET_OR_POST),
    Command(
        "session_is_valid", NoMembers, logins.session_is_valid, Right.NONE, methods=GET_OR_POST
    ),
    Command("change_login", LoginRequest, logins.change_login, Right.ADMINISTRATOR),
    Command("user_hash_password", PasswordRequest, logins.user_hash_password),
    Command("load_objects", LoadRequest, objects.load_objects),
    Command("create_objects", CreateRequest, objects.create_objects),
    Command(
        "create_or_modify_objects",
        CreateRequest,
        objects.create_or_modify_objects,
        aliases=("create_or_update_objects",),
    ),
    Command("modify_objects", ModifyRequest, objects.modify_objects),
    Command("destroy_objects", DestroyRequest, objects.destroy_objects),
    Command("object_metadata", MetadataRequest, objects.object_metadata),
    Command("get_configuration", ConfigurationRequest, configuration.get_configuration),
    Command(
        "set_configuration",
        ConfigurationRequest,
        configuration.set_configuration,
        Right.ADMINISTRATOR,
    ),
    Command("execute_actions", ActionsRequest, doors.execute_actions),
    Command("doors_state", NoMembers, doors.doors_state, aliases=("door_state",)),
    Command("alarm_status", AlarmRequest, doors.alarm_status),
    Command("system_information", NoMembers, system.system_information, methods=GET_OR_POST),
)

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {name: command for command in _ALL for name in (command.name, *command.aliases)}
)
"""Name or alias -> command."""


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
    return command.run(context, caller, parse(command.request, body()))
