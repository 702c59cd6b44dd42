"""`gateway replay`: runs a flight record through this version and compares the effects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gateway import __version__
from gateway.cli.logs import log_nothing
from gateway.controller.replay.replay import Difference
from gateway.controller.replay.replay import replay as run_again
from gateway.errors import BrokenRecord
from gateway.host.ownership import become_owner


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--until", type=click.IntRange(min=1), metavar="N", help="Stop after input N.")
def replay(file: Path, until: int | None) -> None:
    """Run flight record FILE through this version; show the first difference, with exit code 1."""
    become_owner(file)
    log_nothing()  # the controller's log would report doors that do not move now
    result = run_again(file, until)
    if result.recorded_by != __version__:
        click.echo(
            f"recorded by version {result.recorded_by}, replayed by {__version__}: "
            "a difference may be an intended change",
            err=True,
        )
    if result.difference is not None:
        for line in lines_of(result.difference):
            click.echo(line)
        raise SystemExit(1)
    click.echo(f"{result.inputs} inputs, {result.effects} effects, identical")
    if result.broken is not None:
        raise BrokenRecord(f"the record could not be read to its end: {result.broken}")


def lines_of(difference: Difference) -> list[str]:
    """`difference` as lines of text."""
    line, now = difference.line, difference.now
    lines = [f"first difference at input {line['n']}, {line['utc']}"]
    lines += [f"  before   {_step(earlier)}" for earlier in difference.before]
    lines.append(f"  input    {_step(line)}")
    if "asked" in now:
        return [*lines, f"  now      {now['asked']}"]
    were, are = line.get("effects", []), now["effects"] or []
    for number in range(max(len(were), len(are))):
        was, is_ = (each[number] if number < len(each) else None for each in (were, are))
        mark = " " if was == is_ else "!"
        lines.append(f"{mark} recorded {_json(was)}")
        if was != is_:
            lines.append(f"{mark} now      {_json(is_)}")
    for name, what in (("raised", "fails with"), ("due_ns", "next due at")):
        if line.get(name) != now[name]:
            lines.append(f"! recorded {what} {line.get(name)}")
            lines.append(f"! now      {what} {now[name]}")
    return lines


def _step(line: dict[str, Any]) -> str:
    return f"{line['n']} at {line['ns'] / 1e9:.3f} s: {_json(line['what'])}"


def _json(data: Any) -> str:
    return "nothing" if data is None else json.dumps(data, ensure_ascii=False)
