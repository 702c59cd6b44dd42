"""Bearer tokens: who sends a request that carries one.

They are not rate-limited: 256 random bits are not guessed, and a wrong one costs one look into an
index. Nothing logs a token.
"""

from __future__ import annotations

from flask import request

from gateway.commands.context import CommandContext
from gateway.commands.rights import Caller
from gateway.errors import NotAuthenticated
from gateway.store.tables.accounts import Role

CHALLENGE = {"WWW-Authenticate": "Bearer"}
"""The header of every answer that asks for a token."""


def bearer(context: CommandContext) -> Caller:
    """Who holds the token of this request; raises NotAuthenticated when it does not count."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() != "bearer" or not value:
        raise NotAuthenticated("a bearer token is needed")
    token = context.tokens.find(value)
    if token is None:
        raise NotAuthenticated("the bearer token is wrong or revoked")
    return Caller(f"token:{token.name}", Role.ADMINISTRATOR, None, request.remote_addr or "")
