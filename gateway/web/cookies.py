"""The page's cookies. A session's is out of reach of scripts and never sent for another site."""

from __future__ import annotations

from flask import Response, request

SESSION_COOKIE = "page_session"
"""Not the API's name: what the API takes from a cookie, a script may set."""
LANGUAGE_COOKIE = "page_language"
_YEAR_S = 365 * 24 * 3600


def keep_session(response: Response, token: str) -> None:
    """Let the browser send the session's token until it is closed."""
    response.set_cookie(
        SESSION_COOKIE, token, httponly=True, samesite="Strict", secure=request.is_secure
    )


def forget_session(response: Response) -> None:
    """Let the browser forget the session."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="Strict")


def keep_language(response: Response, language: str) -> None:
    """Let the browser ask for a language of the person's choice."""
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=_YEAR_S,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
