"""The page of the commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from typing import NoReturn

from gateway.api.controlid.endpoints import PATHS, http_of
from gateway.commands.command import Command
from gateway.commands.rights import Right

from .exercises import EFFECT, REFUSAL, missing
from .markdown import code, table
from .names import ABSENT_COMMANDS, of_sections
from .names import COMMANDS as NAMED

ABOUT = """\
# Commands

Every command that the Control iD Access API names, and what this device does with it. `make docs`
generates this page from `gateway/commands`. For each command that works, `tests/unit/api` has a
test over a real socket that checks its effect and one that checks a refusal (markers `effect` and
`refusal`). A command with the state `refused` answers 400, which a test checks too. Send commands
by `POST` to `/<command>.fcgi`; the table names those that also accept `GET` or `PUT`.
"""

_HEADS = ("command", "state", "what it does", "needs", "methods", "other names")
_NEEDS = {
    Right.NONE: "nothing",
    Right.SESSION_ONLY: "a session of any role",
    Right.DOOR_STATE: "a session, of a `door_reader` too",
    Right.OPEN_DOORS: "a session, of a `door_opener` too",
    Right.ANY_SESSION: "a session",
    Right.LOG_IN: "nothing; never by push",
    Right.ADMINISTRATOR: "an administrator",
    Right.OWNER: "an administrator; never by push",
}


def page() -> str:
    """The whole page."""
    lines = [ABOUT]
    told: set[str] = set()
    for title, names in of_sections(NAMED).items():
        there = list(dict.fromkeys(PATHS[name].name for name in names if name in PATHS))
        told |= set(there)
        lines += [f"## {title}", "", *_table(there)]
        absent = [name for name in names if name not in PATHS]
        if absent:
            rows = [(code(name), ABSENT_COMMANDS[name]) for name in absent]
            lines += [*table(("not there", "why"), rows), ""]
    own = sorted({command.name for command in PATHS.values()} - told)
    return "\n".join([*lines, "## Not the vendor's", "", *_table(own)])


@cache
def _unproved() -> frozenset[str]:
    lacks = missing()
    return frozenset(lacks[EFFECT] | lacks[REFUSAL])


def _table(names: Iterable[str]) -> list[str]:
    return [*table(_HEADS, (_row(PATHS[name]) for name in names)), ""]


def _row(command: Command) -> tuple[str, ...]:
    about = (inspect.getdoc(command.run) or "").partition("\n\n")[0].replace("\n", " ")
    return (
        code(command.name),
        _state(command.name),
        about.replace("|", "\\|"),
        _NEEDS[command.needs],
        ", ".join(sorted(http_of(command).methods)),
        ", ".join(code(name) for name in http_of(command).aliases),
    )


def _state(name: str) -> str:
    if name in _unproved():
        return "not proved"
    return "works" if PATHS[name].answer is not NoReturn else "refused"
