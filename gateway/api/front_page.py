"""What a browser finds at the root: what this is, and where its manual is.

It says nothing about the site, needs nothing from elsewhere and runs no script.
"""

from __future__ import annotations

from flask import Blueprint, Response

from gateway.api.html_page import respond

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
<li><a href="/docs">Manual</a>: wiring, installation, people, alarms, commands</li>
<li><a href="/docs/api">Description of the API</a>: commands, objects and settings</li>
<li><a href="/openapi.json">openapi.json</a>: the same for programs</li>
</ul>
</body>
</html>
"""


def front_page_blueprint() -> Blueprint:
    """`/`."""
    blueprint = Blueprint("front_page", __name__)

    def show() -> Response:
        return respond(_PAGE)

    blueprint.add_url_rule("/", view_func=show, methods=["GET"])
    return blueprint
