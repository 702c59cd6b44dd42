"""The page of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

import click

from gateway.cli.main import cli

from .markdown import code, table

ABOUT = """\
# The command line

Every command with its options, as `--help` lists them. `make docs` generates this page from
`gateway/cli`.

`--data DIR` is the data directory that `gateway init` made: `.gateway` with `make run`,
`/var/lib/gateway` on an installed device. `gateway sim` and `gateway explain` take it before the
name of their command.

Exit codes: 0 done, 1 refused with a reason, 2 wrong usage. Standard output carries only the result;
that of `gateway run` is the line `ready URL`. Everything else goes to standard error.
"""
_OF_EVERY_COMMAND = "--data"


def page() -> str:
    """The whole page."""
    lines = [ABOUT]
    for command in _below(cli):
        lines += [f"## {command.name}", "", *_described(command), ""]
    return "\n".join(lines).rstrip() + "\n"


def _described(command: click.Command) -> Iterator[str]:
    commands = _leaves(command, f"gateway {command.name}")
    if isinstance(command, click.Group):
        yield from (_help(command), "")
    yield from table(
        ("command", "what it does"), [(code(_usage(*it)), _help(it[1])) for it in commands]
    )
    if options := dict(_options(command)):
        yield ""
        yield from table(("option", "meaning"), options.items())


def _below(group: click.Group) -> list[click.Command]:
    context = click.Context(group)
    found = (group.get_command(context, name) for name in group.list_commands(context))
    return [command for command in found if command is not None and not command.hidden]


def _leaves(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    """Each command that does something by itself, with the words that lead to it."""
    if not isinstance(command, click.Group):
        return [(path, command)]
    own = [(path, command)] if command.invoke_without_command else []
    before = f"{path} --data DIR" if _takes_data(command) else path
    return own + [it for each in _below(command) for it in _leaves(each, f"{before} {each.name}")]


def _takes_data(command: click.Command) -> bool:
    return any(_OF_EVERY_COMMAND in parameter.opts for parameter in command.params)


def _usage(path: str, command: click.Command) -> str:
    context = click.Context(command)
    words = [path, *(["--data DIR"] if _takes_data(command) else [])]
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            words.append(parameter.make_metavar(context))
        elif _OF_EVERY_COMMAND not in parameter.opts:
            text = _named(parameter)
            words.append(text if parameter.required else f"[{text}]")
    return " ".join(words)


def _named(option: click.Parameter) -> str:
    """An option as it is typed, its longest names and what follows them."""
    names = "|".join([*option.opts[:1], *option.secondary_opts])
    if isinstance(option, click.Option) and option.is_flag:
        return names
    metavar = option.make_metavar(click.Context(cli)).strip("[]")
    return f"{names} {metavar.removesuffix(' RANGE')}"


def _options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Every option of `command` and of those below it, but the one that all have."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and _OF_EVERY_COMMAND not in parameter.opts:
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
            yield code(names), parameter.help or ""
    if isinstance(command, click.Group):
        for each in _below(command):
            yield from _options(each)


def _help(command: click.Command) -> str:
    return " ".join(cleandoc(command.help or "").split())
