"""What a command is: a name, a request, a right, and the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.commands.answers import Answer
from gateway.commands.context import CommandContext
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Caller, Right

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
