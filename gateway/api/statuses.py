"""The HTTP status of each error, and how errors are answered, for every transport."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from flask import Blueprint, Flask, Response, request

from gateway.api.reading import BodyTooLarge
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    GatewayError,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    NotSupportedHere,
)

log = structlog.get_logger("api")

_STATUS: tuple[tuple[type[GatewayError], int], ...] = (
    (BodyTooLarge, 413),
    (InvalidRequest, 400),
    (NotAuthenticated, 401),
    (NotPermitted, 403),
    (NotFound, 404),
    (NotSupportedHere, 400),
    (ControllerUnavailable, 503),
    (DeviceUnavailable, 503),
    (GatewayError, 500),
)
"""The first that fits counts."""


def status_of(error: GatewayError) -> int:
    """The status that `error` is answered with."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def answer_errors(app: Flask | Blueprint, answer: Callable[[int, str], Response]) -> None:
    """Let `app` answer every error with `answer`; the log tells of those that are ours."""

    def refused(error: GatewayError) -> Response:
        status = status_of(error)
        if status == 500:
            log.error("command failed", path=request.path, reason=str(error))
        return answer(status, str(error))

    def failed(error: Exception) -> Response:
        log.error("command failed", path=request.path, exc_info=error)
        return answer(500, "Internal error")

    app.register_error_handler(GatewayError, refused)
    app.register_error_handler(Exception, failed)
