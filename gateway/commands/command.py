"""A command: a function with its models, the right it needs, an example and its audit entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

from gateway.commands.answers import Answer
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right
from gateway.errors import GatewayError
from gateway.store.tables.audit import AuditType


@dataclass(frozen=True, slots=True)
class Audit:
    """The entry that the audit log gets once a command has been carried out."""

    detail: Callable[[Any], str] = lambda _: ""
    """From the checked request to the text after the command's name; it never holds a secret."""
    kind: AuditType = AuditType.API
    refusals: bool = False
    """A refused attempt gets an entry, too; repeated ones are counted."""
    throttled: bool = False
    """Clients send the command every few seconds: repeated entries are counted, not written."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that clients can ask of the device; `run` is annotated with its models."""

    run: Callable[[Call[Any]], Answer]
    needs: Right = Right.ANY_SESSION
    name: str = ""
    """By default the name of `run`."""
    example: object = None
    """A request as JSON that a device can carry out."""
    answered: object = None
    """The answer to `example`, where an answer generated from the model says too little."""
    audit: Audit | None = None
    """None for a command without an entry, or one that commits its entry with its rows."""
    heavy: bool = False
    """Runs alone among the heavy ones, see `gateway.commands.heavy`."""
    errors: tuple[type[GatewayError], ...] = ()
    """What it may raise beside InvalidRequest and the errors of `check_right`."""
    request: type[RequestModel] = field(init=False)
    answer: Any = field(init=False)
    """The answer model; NoReturn for a command that is always refused."""

    def __post_init__(self) -> None:
        call, answer = get_type_hints(self.run, include_extras=True).values()
        (request,) = get_args(call)
        made = {"name": self.name or self.run.__name__, "request": request, "answer": answer}
        for member, value in made.items():
            # The documented way to set a derived field of a frozen dataclass.
            object.__setattr__(self, member, value)
