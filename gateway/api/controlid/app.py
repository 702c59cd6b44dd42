"""The Access API over HTTP: `/<command>.fcgi` runs a command of `gateway.commands`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from flask import Flask, Response, request

from gateway.api import reading
from gateway.api.controlid import incoming
from gateway.api.controlid.dispatch import ApiRequest, command_for, longest_body, run
from gateway.api.controlid.endpoints import PATHS, http_of
from gateway.api.controlid.outgoing import error_response, respond
from gateway.api.replies import COMMON_HEADERS
from gateway.api.serving.exchange import ABANDONED_KEY
from gateway.api.statuses import answer_errors
from gateway.commands.context import Call, CommandContext
from gateway.commands.power import reboot_by_url
from gateway.commands.requests import NoMembers
from gateway.store.query.deadline import ABANDONED

_REBOOT_PAGE = "<!DOCTYPE html><title>Restart</title><p>The device restarts.</p>"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def create_app(context: CommandContext) -> Flask:
    """The WSGI application. It logs no token, no query string and no body."""
    app = Flask("gateway.api", static_folder=None)

    command_by_path = partial(_run, context)

    app.add_url_rule(
        "/<name>.fcgi",
        view_func=command_by_path,
        methods=_METHODS,
        endpoint="command",
        provide_automatic_options=False,
    )
    for name in (name for name, command in PATHS.items() if http_of(command).bare):
        app.add_url_rule(
            f"/{name}",
            # Its own endpoint: with `defaults` Flask would redirect the other path to this one.
            endpoint=name,
            view_func=partial(command_by_path, name),
            methods=_METHODS,
            provide_automatic_options=False,
        )
    app.add_url_rule(
        "/reboot",
        view_func=partial(_reboot, context),
        methods=["GET"],
        endpoint="reboot",
        provide_automatic_options=False,
    )
    app.before_request(_before)
    app.after_request(_after)
    answer_errors(app, error_response)
    return app


def _before() -> Response | None:
    # Each request has a context of its own; without a server of ours nobody tells.
    if (abandoned := request.environ.get(ABANDONED_KEY)) is not None:
        ABANDONED.set(abandoned)
    if request.method == "OPTIONS":
        return Response(status=200)
    longest = longest_body((request.view_args or {}).get("name", ""))
    reading.check_length(request.content_length, longest)
    return None


def _run(context: CommandContext, name: str) -> Response:
    command_for(name, request.method)
    token, from_cookie = incoming.session_token(request)
    if token and from_cookie:
        incoming.refuse_foreign_pages(request)
    with ExitStack() as stack:
        caller = stack.enter_context(context.calling(token, request.remote_addr or ""))
        query = request.query_string.decode("latin-1")
        body = request.environ["wsgi.input"]
        asked = ApiRequest(request.method, name, query, body, dict(request.headers.items()))
        response = respond(run(context, caller, asked))
        # The session counts as in use until the last row has been sent.
        response.call_on_close(stack.pop_all().close)
    return response


def _reboot(context: CommandContext) -> Response:
    """The page that restarts the machine for anybody, if the configuration allows that."""
    with ExitStack() as stack:
        caller = stack.enter_context(context.calling(None, request.remote_addr or ""))
        reboot_by_url(Call(context, caller, NoMembers()))
        response = Response(_REBOOT_PAGE, content_type="text/html; charset=utf-8")
        response.call_on_close(stack.pop_all().close)
    return response


def _after(response: Response) -> Response:
    # No other site may read what is a page.
    page = "Content-Security-Policy" in response.headers
    for name, value in COMMON_HEADERS:
        if not (page and name.startswith("Access-Control-")):
            response.headers.setdefault(name, value)
    return response
