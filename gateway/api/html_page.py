"""Pages for browsers: no script, nothing from elsewhere, one style that a digest permits."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Response
from jinja2 import Environment, StrictUndefined

HTML_TYPE = "text/html; charset=utf-8"
_STYLE = "docs.css"
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@cache
def page_file(name: str) -> str:
    """The text of the file `name` of this package."""
    return files("gateway.api").joinpath(name).read_text(encoding="utf-8")


def render(name: str, filters: Mapping[str, Callable[..., Any]], **values: object) -> str:
    """The template `name` of this package with `values`, escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= filters
    return environment.from_string(page_file(name)).render(style=page_file(_STYLE), **values)


def respond(body: str | bytes, content_type: str = HTML_TYPE) -> Response:
    """`body` with a policy by which a browser shows it in our style and does nothing else."""
    response = Response(body, content_type=content_type)
    response.headers["Content-Security-Policy"] = (
        f"{_POLICY}; style-src 'sha256-{_digest()}'; img-src 'self'"
    )
    return response


@cache
def _digest() -> str:
    return base64.b64encode(hashlib.sha256(page_file(_STYLE).encode()).digest()).decode()
