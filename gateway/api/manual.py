"""The manual as web pages: the Markdown files that ship with the program, readable offline.

Anybody may read it: it is the same on every device with this software and says nothing about the
site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort

from gateway.api.html_page import HTML_TYPE, render, respond
from gateway.settings.profiles import hw_folder

if TYPE_CHECKING:
    from markdown_it.token import Token

_ROOT = "/docs"
_DRAWINGS = "hw/drawings"


@dataclass(frozen=True, slots=True)
class _Shipped:
    """A file of the repository that the device serves.

    `path` is its place in the repository, to which its links are relative.
    """

    path: str
    address: str
    file: Traversable


def manual_blueprint() -> Blueprint:
    """`/docs`, the index, and the other pages of the manual below it."""
    blueprint = Blueprint("manual", __name__)

    def show(name: str = "") -> Response:
        address = posixpath.join(_ROOT, name) if name else _ROOT
        shipped = _by_address().get(address)
        if shipped is None:
            abort(404)
        return respond(*_served(shipped))

    blueprint.add_url_rule(_ROOT, view_func=show, methods=["GET"], strict_slashes=False)
    blueprint.add_url_rule(f"{_ROOT}/<path:name>", view_func=show, methods=["GET"])
    return blueprint


def _shipped() -> Iterator[_Shipped]:
    package = files("gateway")
    for file in (package / "docs").iterdir():
        name = file.name.removesuffix(".md")
        address = _ROOT if name == "index" else f"{_ROOT}/{name}"
        yield _Shipped(f"gateway/docs/{file.name}", address, file)
    demo = package / "cli" / "demo.toml"
    yield _Shipped("gateway/cli/demo.toml", f"{_ROOT}/demo.toml", demo)
    yield _Shipped("hw/README.md", f"{_ROOT}/wiring", hw_folder("README.md"))
    yield _Shipped(_DRAWINGS, f"{_ROOT}/drawings", hw_folder("drawings"))
    for file in hw_folder("drawings").iterdir():
        yield _Shipped(f"{_DRAWINGS}/{file.name}", f"{_ROOT}/drawings/{file.name}", file)


@cache
def _by_address() -> dict[str, _Shipped]:
    return {shipped.address: shipped for shipped in _shipped()}


@cache
def _addresses() -> dict[str, str]:
    """The address of each file by its path in the repository."""
    return {shipped.path: shipped.address for shipped in _by_address().values()}


@cache
def _served(shipped: _Shipped) -> tuple[str | bytes, str]:
    """Body and media type. The cache of the whole manual takes less than a megabyte."""
    if shipped.path == _DRAWINGS:
        names = sorted(file.name for file in shipped.file.iterdir())
        return _page("# Drawings\n\n" + "\n".join(f"- [{n}](drawings/{n})" for n in names), "hw/")
    if shipped.path.endswith(".md"):
        return _page(shipped.file.read_text(encoding="utf-8"), shipped.path)
    media = "image/svg+xml" if shipped.path.endswith(".svg") else "text/plain; charset=utf-8"
    return shipped.file.read_bytes(), media


def _page(markdown: str, path: str) -> tuple[str, str]:
    """`markdown`, the text of `path` in the repository, as a page."""
    # Imported late: it takes some 60 ms and 1 MB, needed only when somebody reads the manual.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.children is not None:
            token.children = list(_with_our_links(token.children, posixpath.dirname(path)))
    _give_headings_anchors(tokens)
    _label_cells(tokens)
    title = next(_words(after) for token, after in pairwise(tokens) if token.type == "heading_open")
    text = parser.renderer.render(tokens, parser.options, {})
    return render("manual.html", {}, title=title, text=text), HTML_TYPE


def _words(inline: Token) -> str:
    """The text of a heading or cell, without its markup."""
    return "".join(child.content for child in inline.children or ())


def _target(link: str, folder: str) -> str | None:
    """The address of `link` of a page in `folder`; None if the device does not serve its file."""
    if "://" in link or link.startswith("#"):
        return link
    path, hash_, anchor = link.partition("#")
    address = _addresses().get(posixpath.normpath(posixpath.join(folder, path)))
    return None if address is None else f"{address}{hash_}{anchor}"


def _with_our_links(inline: list[Token], folder: str) -> Iterator[Token]:
    """`inline` with links to the device's addresses; a link to a file not served becomes code.

    A drawing links to itself, since it is too wide for a phone.
    """
    from markdown_it.token import Token

    dropped = False
    for token in inline:
        if token.type == "link_open":
            target = _target(str(token.attrs["href"]), folder)
            dropped = target is None
            if target is not None:
                token.attrs["href"] = target
                yield token
        elif token.type == "link_close":
            if not dropped:
                yield token
            dropped = False
        elif token.type == "image":
            token.attrs["src"] = _target(str(token.attrs["src"]), folder) or ""
            yield Token("link_open", "a", 1, attrs={"href": token.attrs["src"]})
            yield token
            yield Token("link_close", "a", -1)
        else:
            if dropped and token.type == "text":
                token.type, token.tag = "code_inline", "code"
            yield token


def _give_headings_anchors(tokens: list[Token]) -> None:
    """The anchors that GitHub makes, so that a link works in both places."""
    seen: dict[str, int] = {}
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            anchor = re.sub(r"[^\w -]", "", _words(inline).lower()).replace(" ", "-")
            number = seen[anchor] = seen.get(anchor, -1) + 1
            token.attrs["id"] = f"{anchor}-{number}" if number else anchor


def _label_cells(tokens: list[Token]) -> None:
    """Give each cell but the first its column's name: a narrow screen shows a row as a list."""
    heads: list[str] = []
    column = 0
    for token, inline in pairwise(tokens):
        if token.type == "thead_open":
            heads = []
        elif token.type == "tr_open":
            column = 0
        elif token.type == "th_open":
            heads.append(_words(inline))
        elif token.type == "td_open":
            if column and heads[column] and inline.content:
                token.attrs["data-of"] = heads[column]
            column += 1
