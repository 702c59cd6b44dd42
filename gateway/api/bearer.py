"""The caller of a request with a bearer token.

Tokens are not rate-limited: nobody guesses 256 random bits, and a wrong token costs one index
look-up. Nothing logs a token.
"""

from __future__ import annotations

from flask import request

from gateway.commands.context import CommandContext
from gateway.commands.rights import Caller
from gateway.errors import NotAuthenticated
from gateway.store.tables.accounts import Role

CHALLENGE = {"WWW-Authenticate": "Bearer"}
"""The header of every answer with status 401."""


def bearer(context: CommandContext) -> Caller:
    """The caller that holds the token of this request.

    Raises NotAuthenticated if the token is missing, wrong or revoked.
    """
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() != "bearer" or not value:
        raise NotAuthenticated("a bearer token is needed")
    token = context.tokens.find(value)
    if token is None:
        raise NotAuthenticated("the bearer token is wrong or revoked")
    return Caller(f"token:{token.name}", Role.ADMINISTRATOR, None, request.remote_addr or "")
