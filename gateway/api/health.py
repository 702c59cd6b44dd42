"""`GET /health` and `GET /health/live`, for probes without a login.

They name the two parts that may fail, and say nothing about the site.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask import Blueprint, Response

from gateway.api.openapi.document import HEALTH_PATH, LIVE_PATH
from gateway.api.replies import encode
from gateway.commands.context import CommandContext
from gateway.errors import ControllerUnavailable, StorageError

KEPT_NS = 1_000_000_000
"""For so long an outcome counts: probes, however many, ask the controller once a second."""

Outcome = dict[str, str]
"""By part, `ok` or why it is not."""


class Readiness:
    """Whether the device can do its work. Any thread may call it."""

    def __init__(self, check: Callable[[], Outcome], now_ns: Callable[[], int]) -> None:
        self._check = check
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._outcome: Outcome = {}
        self._until_ns = 0

    def outcome(self) -> Outcome:
        """What was found within the last second."""
        with self._lock:
            if not self._outcome or self._now_ns() >= self._until_ns:
                self._outcome = self._check()
                self._until_ns = self._now_ns() + KEPT_NS
            return self._outcome


def health_blueprint(context: CommandContext) -> Blueprint:
    """Both routes. `/health` answers 503 while a part fails, `/health/live` always 200."""
    blueprint = Blueprint("health", __name__)
    readiness = Readiness(lambda: _check(context), context.clock.monotonic_ns)

    def live() -> Response:
        return _reply({"live": True}, 200)

    def health() -> Response:
        outcome = readiness.outcome()
        ready = all(found == "ok" for found in outcome.values())
        return _reply({"ready": ready, **outcome}, 200 if ready else 503)

    blueprint.add_url_rule(LIVE_PATH, view_func=live, methods=["GET"])
    blueprint.add_url_rule(HEALTH_PATH, view_func=health, methods=["GET"])
    return blueprint


def _check(context: CommandContext) -> Outcome:
    outcome = {"controller": "ok", "database": "ok"}
    try:
        context.controller.status()
    except ControllerUnavailable:
        outcome["controller"] = "does not answer"
    try:
        context.store.configuration({"general": ["online"]})
    except StorageError:
        outcome["database"] = "cannot be read"
    return outcome


def _reply(body: dict[str, object], status: int) -> Response:
    response = Response(encode(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
