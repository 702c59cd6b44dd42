"""What a command is: a function with its models, the right it needs, an example and its audit."""

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
    """What the audit log is told when a command has been carried out."""

    kind: AuditType
    says: Callable[[Any], str]
    """What follows the command's name, from the checked request; never a secret."""
    refusals: bool = False
    """An attempt that failed is told of, too."""
    often: bool = False
    """It comes every few seconds: the same text is written down once in a while."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the device can be asked to do; `run` is annotated with its models."""

    run: Callable[[Call[Any]], Answer]
    needs: Right = Right.ANY_SESSION
    name: str = ""
    """That of `run` without one."""
    example: object = None
    """A request that a device can carry out, as JSON."""
    answered: object = None
    """The answer to `example`, where one made from the model would say too little."""
    audit: Audit | None = None
    """For the audit log; None for what tells nothing, or writes its entry with its rows."""
    errors: tuple[type[GatewayError], ...] = ()
    """What it may raise besides InvalidRequest and the refusals of its right."""
    request: type[RequestModel] = field(init=False)
    answer: Any = field(init=False)
    """NoReturn for a command that is always refused."""

    def __post_init__(self) -> None:
        call, answer = get_type_hints(self.run, include_extras=True).values()
        (request,) = get_args(call)
        made = {"name": self.name or self.run.__name__, "request": request, "answer": answer}
        for member, value in made.items():
            # The way around `frozen` that dataclasses have for a field made of others.
            object.__setattr__(self, member, value)
