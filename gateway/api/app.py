"""The WSGI application of the api process: all routes of one address."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from flask import Blueprint, Flask

from gateway.api.controlid.app import create_app as create_controlid
from gateway.api.docs_page import description_blueprint
from gateway.api.health import health_blueprint
from gateway.api.login_queue import LoginQueue, LoginTurns
from gateway.api.manual import manual_blueprint
from gateway.api.metrics import metrics_blueprint
from gateway.api.minop import minop_blueprint
from gateway.commands.context import CommandContext


@dataclass(frozen=True, slots=True)
class Page:
    """The page for browsers at `/`."""

    blueprint: Callable[[CommandContext], Blueprint]
    password_paths: Collection[str]
    """Where it takes passwords by POST."""


def create_app(context: CommandContext, page: Page | None = None) -> Flask:
    """Both vendors' APIs, their description, the manual, the metrics, the probes of health and the
    page."""
    app = create_controlid(context)
    app.register_blueprint(minop_blueprint(context))
    app.register_blueprint(description_blueprint())
    app.register_blueprint(manual_blueprint())
    app.register_blueprint(metrics_blueprint(context))
    app.register_blueprint(health_blueprint(context))
    if page is not None:
        app.register_blueprint(page.blueprint(context))
    turns = LoginTurns(time.monotonic)
    paths = page.password_paths if page is not None else ()
    # Flask's documented way to add a middleware; mypy sees a method that is assigned to.
    app.wsgi_app = LoginQueue(app.wsgi_app, turns, paths)  # type: ignore[method-assign]
    return app
