"""What a page of the manual refers to: links, files, commands of the shell, keys of the site file.

Each function yields one sentence for a reference that leads nowhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click

from gateway.cli.main import cli
from gateway.settings import SiteFile

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_FILE = re.compile(r"(?:gateway|tests|systemd|udev|hw|\.ci)/[\w./*<>-]*")
_GATEWAY = re.compile(r"(?:^|[\s|(])(?:\S*/)?gateway ((?:[\w-]+|--)[^`|\n]*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_MAKE = re.compile(r"(?:^|\s)make ([a-z][a-z-]*)")
_SECTION = re.compile(r"^\[\[?([a-z_]{3,}(?:\.[a-z_*]+)*)\]\]?")
_OF_CONFIG_TXT = "all"
"""The one section that pages name and the site file does not have."""


def pages(root: Path) -> list[Path]:
    """Every page that people read."""
    return [
        root / "README.md",
        *sorted((root / "gateway/docs").glob("*.md")),
        root / "hw/README.md",
    ]


def links(page: Path) -> set[Path]:
    """Every file that `page` links to."""
    targets = _LINK.findall(_FENCE.sub("", page.read_text()))
    names = {target.partition("#")[0] for target in targets if "://" not in target}
    return {(page.parent / name).resolve() for name in names if name}


def problems(page: Path, root: Path) -> list[str]:
    """Every reference of `page` that leads nowhere."""
    text = page.read_text()
    fences = [(match[2], match[3]) for match in _FENCE.finditer(text)]
    prose = _FENCE.sub("", text)
    inline = _INLINE.findall(prose)
    shell = [line for kind, body in fences if kind == "sh" for line in _joined(body)]
    return [
        *_links(prose, page),
        *_files([*inline, *shell], root),
        *_commands([*inline, *shell]),
        *_targets([*inline, *shell], root),
        *_sections(inline),
        *(why for kind, body in fences if kind == "toml" for why in _toml(body)),
    ]


def _joined(body: str) -> list[str]:
    return body.replace("\\\n", " ").splitlines()


def _links(prose: str, page: Path) -> Iterator[str]:
    for target in _LINK.findall(prose):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists():
            yield f"the link {target} leads to no file"
        elif anchor and anchor not in _anchors(file):
            yield f"the link {target} leads to no heading"


def _anchors(file: Path) -> set[str]:
    headings = _HEADING.findall(_FENCE.sub("", file.read_text()))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _files(code: list[str], root: Path) -> Iterator[str]:
    for text in code:
        for match in _FILE.finditer(text):
            path = match[0].rstrip(".")
            before = text[: match.start()]
            if before[-1:].strip() or "<" in path or path.endswith("gateway/"):
                continue  # part of a longer path, or a pattern
            if not (list(root.glob(path)) if "*" in path else (root / path).exists()):
                yield f"there is no file {path}"


def _commands(code: list[str]) -> Iterator[str]:
    for text in code:
        for match in _GATEWAY.finditer(text):
            yield from _command(match[1])


def _command(line: str) -> Iterator[str]:
    command: click.Command = cli
    known: set[str] = set()
    path: list[str] = []
    words = re.findall(r"[\w./-]+", line.partition("#")[0])
    for word in words:
        known |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        if not isinstance(command, click.Group) or word.startswith("-"):
            continue
        found = command.get_command(click.Context(command), word)
        if found is not None:
            command = found
            path.append(word)
        elif command is cli:
            yield f"gateway has no command {word!r}"
            return
    known |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    for option in _OPTION.findall(line.partition("#")[0]):
        if option not in {*known, "--help"}:
            name = " ".join(("gateway", *path))
            yield f"{name} has no option {option}"


def _targets(code: list[str], root: Path) -> Iterator[str]:
    for text in code:
        for target in _MAKE.findall(text):
            if target not in _make_targets(root):
                yield f"the Makefile has no target {target}"


@cache
def _make_targets(root: Path) -> frozenset[str]:
    lines = (root / "Makefile").read_text().splitlines()
    rules = (line.partition(":")[0] for line in lines if re.match(r"[a-z].*:(?!=)", line))
    return frozenset(name for rule in rules for name in rule.split())


def _sections(inline: list[str]) -> Iterator[str]:
    for text in inline:
        match = _SECTION.match(text)
        if match and match[1] != _OF_CONFIG_TXT and not _has(match[1].split(".")):
            yield f"the site file has no table [{match[1]}]"


def _toml(body: str) -> Iterator[str]:
    try:
        table = tomllib.loads(body)
    except tomllib.TOMLDecodeError as error:
        yield f"an example is no TOML: {error}"
        return
    for path in _paths(table):
        if not _has(path):
            yield f"the site file has no key {'.'.join(path)}"


def _paths(table: dict[str, Any], before: tuple[str, ...] = ()) -> Iterator[list[str]]:
    for key, value in table.items():
        here = (*before, key)
        yield list(here)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from _paths(each, here)


def _has(path: list[str]) -> bool:
    """Whether some form of the site file has the key at `path`; `*` stands for any."""
    schema = _schema()
    ahead: list[Any] = [schema]
    for key in path:
        ahead = [found for each in ahead for found in _members(each, key)]
    return bool(ahead)


@cache
def _schema() -> dict[str, Any]:
    return SiteFile.model_json_schema()


def _members(node: Any, key: str) -> Iterator[Any]:
    """What `key` leads to below `node`, through references, lists and alternatives."""
    if "$ref" in node:
        yield from _members(_schema()["$defs"][node["$ref"].rpartition("/")[2]], key)
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from _members(each, key)
    if "items" in node:
        yield from _members(node["items"], key)
    found = node.get("properties", {})
    if key == "*":
        yield from found.values()
    elif key in found:
        yield found[key]
    if isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]
