"""What a browser finds at the root: what this is, and where its description stands.

It says nothing about the site, needs nothing from elsewhere and runs no script.
"""

from __future__ import annotations

from flask import Blueprint, Response

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Door controller</title>
</head>
<body>
<h1>Door controller</h1>
<p>This device decides who may pass which door, and opens it. Programs talk to it over its API.</p>
<ul>
<li><a href="/docs">Description of the API</a>: commands, objects and settings</li>
<li><a href="/openapi.json">openapi.json</a>: the same for programs</li>
</ul>
</body>
</html>
"""
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def front_page_blueprint() -> Blueprint:
    """`/`."""
    blueprint = Blueprint("front_page", __name__)

    def show() -> Response:
        response = Response(_PAGE, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    blueprint.add_url_rule("/", view_func=show, methods=["GET"])
    return blueprint
