"""`POST /api/v1/execute`: a bearer token, a command in the body, `{"status": "done"}`.

The vendor documents no refusal; ours is `{"status": "error", "message": ...}` with the HTTP status
of the error.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.api.bearer import CHALLENGE, bearer
from gateway.api.reading import members
from gateway.api.replies import JSON_TYPE, encode
from gateway.api.statuses import answer_errors
from gateway.commands.context import CommandContext
from gateway.commands.minop import execute_minop
from gateway.commands.minop_requests import Envelope
from gateway.commands.requests import parse

PATH = "/api/v1/execute"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def minop_blueprint(context: CommandContext) -> Blueprint:
    """The routes of this API. It logs no token and no body."""
    blueprint = Blueprint("minop", __name__)

    def run() -> Response:
        if request.method != "POST":
            response = _error(405, "Method not allowed")
            response.headers["Allow"] = "POST"
            return response
        caller = bearer(context)
        execute_minop(
            context, caller, parse(Envelope, members(request.environ["wsgi.input"], form=False))
        )
        return _answer(200, {"status": "done"})

    blueprint.add_url_rule(
        PATH, endpoint="execute", view_func=run, methods=_METHODS, provide_automatic_options=False
    )
    answer_errors(blueprint, _error)
    return blueprint


def _answer(status: int, body: dict[str, str]) -> Response:
    return Response(encode(body), status=status, content_type=JSON_TYPE)


def _error(status: int, text: str) -> Response:
    # UTF-8 cannot encode half a surrogate pair that a client sent and `text` quotes.
    text = text.encode(errors="backslashreplace").decode()
    response = _answer(status, {"status": "error", "message": text})
    if status == 401:
        response.headers.update(CHALLENGE)
    return response
