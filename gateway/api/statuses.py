"""The HTTP status of each error, for every transport."""

from __future__ import annotations

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
