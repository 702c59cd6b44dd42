"""The HTTP status of each error, and error handlers for both APIs."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from gateway.api.reading import BodyTooLarge
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    GatewayError,
    InvalidRequest,
    KeyUnusable,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    NotSupportedHere,
    TooBusy,
)

log = structlog.get_logger("api")


class MethodNotAllowed(GatewayError, ValueError):
    """The command needs another method."""


_STATUS: tuple[tuple[type[GatewayError], int], ...] = (
    (BodyTooLarge, 413),
    (MethodNotAllowed, 405),
    (InvalidRequest, 400),
    (NotAuthenticated, 401),
    (NotPermitted, 403),
    (NotFound, 404),
    (NotSupportedHere, 400),
    (TooBusy, 429),
    (ControllerUnavailable, 503),
    (DeviceUnavailable, 503),
    (KeyUnusable, 400),  # the same request fails until somebody puts the key back
    (GatewayError, 500),
)
"""The first matching class decides."""


def status_of(error: GatewayError) -> int:
    """The HTTP status for `error`."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def answer_errors(app: Flask | Blueprint, answer: Callable[[int, str], Response]) -> None:
    """Make `app` answer every error with `answer`, and log those with status 500."""

    def refused(error: GatewayError) -> Response:
        status = status_of(error)
        if status == 500:
            log.error("command failed", path=request.path, reason=str(error))
        response = answer(status, str(error))
        if isinstance(error, TooBusy):
            response.headers["Retry-After"] = str(error.RETRY_AFTER_S)
        return response

    def refused_by_flask(error: HTTPException) -> Response:
        return answer(error.code or 500, error.name)

    def failed(error: Exception) -> Response:
        log.error("command failed", path=request.path, exc_info=error)
        return answer(500, "Internal error")

    app.register_error_handler(GatewayError, refused)
    app.register_error_handler(HTTPException, refused_by_flask)
    app.register_error_handler(Exception, failed)
