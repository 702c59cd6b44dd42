"""Which commands the tests prove over a real socket, read from the marks of those tests.

`@pytest.mark.effect("doors_state")` claims that a test sees the command carried out,
`@pytest.mark.refusal("doors_state")` that it sees it refused. Only tests in `tests/unit/api` count:
there `conftest.py` fails a test whose claims did not go over its socket. One of them sees each
command of `ABSENT` refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from gateway.commands.absent import ABSENT
from gateway.commands.table import COMMANDS

API_TESTS = Path(__file__).parents[1] / "unit" / "api"
EFFECT, REFUSAL = "effect", "refusal"


def claims() -> Mapping[str, set[str]]:
    """Mark -> the commands that tests carry it for."""
    found: dict[str, set[str]] = {EFFECT: set(), REFUSAL: set(ABSENT)}
    for path in sorted(API_TESTS.glob("test_*.py")):
        for mark, name in _marks(ast.parse(path.read_text(encoding="utf-8"))):
            found[mark].add(name)
    return found


def _marks(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id="pytest"), attr="mark"),
                    attr="effect" | "refusal" as mark,
                ),
                args=names,
            ):
                for name in names:
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        yield mark, name.value


def missing() -> Mapping[str, set[str]]:
    """Mark -> the commands of this device that lack it. What is always refused has no effect."""
    names = {command.name for command in COMMANDS.values()}
    found = claims()
    carried_out = {name for name in names if COMMANDS[name].answer is not NoReturn}
    return {EFFECT: carried_out - found[EFFECT], REFUSAL: names - found[REFUSAL]}
