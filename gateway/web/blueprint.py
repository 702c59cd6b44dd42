"""The page as routes of the api process: who may see a view, and what a browser may do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, request

from gateway.api.app import Page
from gateway.api.controlid.incoming import refuse_foreign_names, refuse_foreign_pages
from gateway.api.statuses import answer_errors, status_of
from gateway.commands.context import CommandContext
from gateway.commands.rights import check_right
from gateway.errors import DeviceUnavailable, InvalidRequest
from gateway.web import assets
from gateway.web.cookies import LANGUAGE_COOKIE, SESSION_COOKIE, forget_session
from gateway.web.languages import chosen, speaking
from gateway.web.refusals import form_refusal
from gateway.web.views import VIEWS
from gateway.web.visit import View, Visit

SIGN_IN, SETUP = "/sign-in", "/setup"
"""Where passwords and codes are posted."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_READING = frozenset({"GET", "HEAD"})


def page_blueprint(context: CommandContext) -> Blueprint:
    """All views of the page, and its assets."""
    blueprint = Blueprint("page", __name__)
    for view in VIEWS:
        blueprint.add_url_rule(
            view.path,
            endpoint=_endpoint(view),
            view_func=partial(_visited, context, view),
            methods=[view.method],
            defaults={"name": view.body_of} if view.body_of else {},
            provide_automatic_options=False,
        )
    blueprint.add_url_rule(
        f"{assets.ROOT}/<digest>/<path:name>", view_func=assets.serve, methods=["GET"]
    )
    blueprint.after_request(_with_policy)
    answer_errors(blueprint, partial(_refused, context))
    labels = {f"{blueprint.name}.{_endpoint(view)}": view.labels for view in VIEWS}
    blueprint.register_error_handler(InvalidRequest, partial(_form_refused, context, labels))
    blueprint.register_error_handler(DeviceUnavailable, partial(_device_away, context))
    return blueprint


def _endpoint(view: View) -> str:
    return f"{view.method} {view.path}".replace(".", " ")


def _visited(context: CommandContext, view: View, **values: object) -> Response:
    if request.method in _READING:
        refuse_foreign_names(request)
    else:
        refuse_foreign_pages(request)

    def shown(visit: Visit) -> Response:
        check_right(visit.caller, view.needs)
        return view.show(visit, **values)

    return _in_visit(context, shown)


def _in_visit(context: CommandContext, shown: Callable[[Visit], Response]) -> Response:
    token = request.cookies.get(SESSION_COOKIE)
    language = chosen(request.cookies.get(LANGUAGE_COOKIE), request.accept_languages)
    with ExitStack() as stack:
        caller = stack.enter_context(context.calling(token, request.remote_addr or ""))
        stack.enter_context(speaking(language))
        response = shown(Visit(context, caller, language))
        # The session counts as in use until the last piece has been sent.
        response.call_on_close(stack.pop_all().close)
    return response


def _form_refused(
    context: CommandContext, labels: Mapping[str, Mapping[str, str]], error: InvalidRequest
) -> Response:
    """As `_refused`, with the field of the form that the refusal is about."""
    return _refused(
        context,
        status_of(error),
        str(error),
        error=error,
        labels=labels.get(request.endpoint or ""),
    )


def _device_away(context: CommandContext, error: DeviceUnavailable) -> Response:
    """As `_refused`: the controller answers with the same status when it is itself away."""
    return _refused(context, status_of(error), str(error), of_device=True)


def _refused(
    context: CommandContext,
    status: int,
    text: str,
    *,
    of_device: bool = False,
    error: InvalidRequest | None = None,
    labels: Mapping[str, str] | None = None,
) -> Response:
    """An error as a page, or as the part of one that was asked for; `of_device` if something else
    than the controller is away. `labels` are those of the form that `error` refuses."""
    if status == 401:
        return _to_sign_in()

    def shown(visit: Visit) -> Response:
        template = "shared/_error.html" if visit.in_part else "shared/error.html"
        refusal = form_refusal(error, labels or {}) if error else None
        return visit.page(
            template, status, code=status, text=text, of_device=of_device, refusal=refusal
        )

    return _in_visit(context, shown)


def _to_sign_in() -> Response:
    """The session is over: sign in, and come back to the page that was open."""
    in_part = "HX-Request" in request.headers
    if in_part:
        back, asked = _open_page(), {"over": "1"}
    else:
        back, asked = request.full_path if request.method in _READING else "/", {}
    where = f"{SIGN_IN}?{urlencode(asked | {'next': back.rstrip('?')})}"
    response = Response(status=401 if in_part else 303)
    response.headers["HX-Redirect" if in_part else "Location"] = where
    forget_session(response)
    return response


def _open_page() -> str:
    """The path and query of the page that asks for a part."""
    try:
        at = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return "/"
    return f"{at.path}?{at.query}"


def _with_policy(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


PAGE = Page(page_blueprint, frozenset({SIGN_IN, SETUP}))
