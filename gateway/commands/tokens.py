"""Bearer tokens of the second vendor's API, for administrators."""

from __future__ import annotations

from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import NotFound
from gateway.store.tables.audit import AuditType
from gateway.store.tables.tokens import Token


class TokenRequest(RequestModel):
    """`create_token`, `revoke_token`."""

    name: str


class TokenAnswer(TypedDict):
    """Answer to `create_token`."""

    token: str


class TokenShown(TypedDict):
    """A token as lists show it; `created` is ISO 8601 in UTC."""

    name: str
    created: str


class Tokens(TypedDict):
    """Answer to `list_tokens`."""

    tokens: list[TokenShown]


def create_token(call: Call[TokenRequest]) -> TokenAnswer:
    """A new token, which is shown this once."""
    return {"token": call.context.tokens.create(call.request.name)}


def list_tokens(call: Call[NoMembers]) -> Tokens:
    """The names of the tokens that count, and when each was made."""
    return {"tokens": [shown(token) for token in call.context.tokens.all()]}


def revoke_token(call: Call[TokenRequest]) -> Done:
    """Let a token count no more, from the next request on."""
    call.context.tokens.revoke(call.request.name)
    return DONE


def shown(token: Token) -> TokenShown:
    """A token as lists show it; `created` is ISO 8601 in UTC."""
    return {"name": token.name, "created": token.created.isoformat()}


_TOLD = Audit(AuditType.API, lambda request: f": {request.name}")

COMMANDS = (
    Command(create_token, Right.ADMINISTRATOR, audit=_TOLD, example={"name": "turnstile"}),
    Command(list_tokens, Right.ADMINISTRATOR),
    Command(
        revoke_token,
        Right.ADMINISTRATOR,
        audit=_TOLD,
        errors=(NotFound,),
        example={"name": "turnstile"},
    ),
)
