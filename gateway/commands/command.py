"""What a command is: a name, a request, a right, and the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.commands.answers import Answer
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right
from gateway.errors import GatewayError
from gateway.store.tables.audit import AuditType

POST = frozenset({"POST"})
GET_OR_POST = frozenset({"GET", "POST"})
"""Clients use either (Access API, transport)."""
POST_OR_PUT = frozenset({"POST", "PUT"})
"""Files are seen to come either way."""


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
    methods: frozenset[str] = POST
    aliases: tuple[str, ...] = ()
    bare: bool = False
    """Has a path without the ending `.fcgi`, too."""
    form: bool = False
    """Takes its members as a form too."""
    query: bool = False
    """Takes its members from the query too; there they are text. The body's go before."""
    raw: bool = False
    """Takes a file and no members but the query's: the request model gets its bytes as `body`."""
    upload: bool = False
    """With `raw`, of any size: `body` is a stream, read as it comes."""
    text_member: str = ""
    """The member that a body is which holds no JSON, such as a CSV file; the others come in the
    query then."""
    longest_body: int | None = None
    """Bytes of the members, where the vendor's request buffer is too small."""
    answers: str = "application/json"
    """Media type of the answer."""
    other_answers: tuple[str, ...] = ()
    """Media types that it may have instead."""
    audit: Audit | None = None
    """For the audit log; None for what tells nothing, or writes its entry with its rows."""
    errors: tuple[type[GatewayError], ...] = ()
    """What it may raise besides InvalidRequest and the refusals of its right."""
