"""What a command is: a name, a request, a right, and the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

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
    """One thing the device can be asked to do."""

    name: str
    request: type[RequestModel]
    run: Callable[[Call[Any]], Answer]
    needs: Right = Right.ANY_SESSION
    example: object = None
    """A request that a device can carry out, as JSON."""
    answered: object = None
    """The answer to `example`, where one made from the model would say too little."""
    audit: Audit | None = None
    """For the audit log; None for what tells nothing, or writes its entry with its rows."""
    errors: tuple[type[GatewayError], ...] = ()
    """What it may raise besides InvalidRequest and the refusals of its right."""

    @property
    def answer(self) -> Any:
        """The model of the answer: what `run` is annotated with. NoReturn is always refused."""
        return get_type_hints(self.run, include_extras=True)["return"]
