"""Style sheets, scripts and icons of the page.

A file's address holds a digest of its content, so a browser may keep it for ever. It is compressed
once, when it is first asked for.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from flask import Response, abort, request

ROOT = "/static"
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "LICENSE": "text/plain; charset=utf-8",
}
_COMPRESSED = frozenset({"css", "js", "svg"})
_DIGEST_LENGTH = 12


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    compressed: bytes | None
    digest: str
    media_type: str


def address(name: str) -> str:
    """The address of the file `name` of the folder `static`. Raises FileNotFoundError."""
    return f"{ROOT}/{_asset(name).digest}/{name}"


def serve(digest: str, name: str) -> Response:
    """The file; under the digest of another version it is served too, but not kept."""
    if name not in _names():
        abort(404)
    asset = _asset(name)
    compressed = asset.compressed if request.accept_encodings["gzip"] else None
    response = Response(compressed or asset.body, content_type=asset.media_type)
    if compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = _FOREVER if digest == asset.digest else "no-cache"
    return response


@cache
def _names() -> frozenset[str]:
    """The files, by their paths in the folder: what is not listed is not read."""
    root = files("gateway.web") / "static"
    return frozenset(
        f"{folder.name}/{file.name}"
        for folder in root.iterdir()
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in _TYPES
    )


@cache
def _asset(name: str) -> _Asset:
    body = (files("gateway.web") / "static").joinpath(name).read_bytes()
    kind = name.rpartition(".")[2]
    return _Asset(
        body,
        gzip.compress(body, mtime=0) if kind in _COMPRESSED else None,
        hashlib.sha256(body).hexdigest()[:_DIGEST_LENGTH],
        _TYPES[kind],
    )
