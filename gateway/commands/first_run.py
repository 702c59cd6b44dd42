"""What the vendor's first pages ask before anybody has logged in."""

from __future__ import annotations

from gateway.commands.answers import Answer
from gateway.commands.command import GET_OR_POST, Command
from gateway.commands.context import CommandContext
from gateway.commands.requests import NoMembers
from gateway.commands.rights import Caller, Right

DEFAULT_LANGUAGE = "en_US"


def get_language(context: CommandContext, caller: Caller, request: NoMembers) -> Answer:
    """Configuration general.language; English while that is empty."""
    del caller, request
    language = context.store.configuration({"general": ["language"]})["general"]["language"]
    return {"language": language or DEFAULT_LANGUAGE}


def init_device_set(context: CommandContext, caller: Caller, request: NoMembers) -> Answer:
    """Whether the device has been set up: true, since `gateway init` comes before any process."""
    del context, caller, request
    return {"init_device_set": True}


COMMANDS = (
    Command("get_language", NoMembers, get_language, Right.NONE, methods=GET_OR_POST),
    Command("init_device_set", NoMembers, init_device_set, Right.NONE, methods=GET_OR_POST),
)
