"""The help of every command: there for the asking, and whole where commands are listed."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from gateway.cli.main import cli


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_every_command_tells_what_it_does_without_a_data_directory(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*words, "--help"])
    assert result.exit_code == 0, result.output
    assert words[-1] in result.output.splitlines()[0]


@pytest.mark.parametrize("words", [["sim", "state"], ["explain", "who"], ["explain"], ["doctor"]])
def test_a_data_directory_that_is_left_out_is_asked_for(words: list[str]) -> None:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "Missing option '--data'" in result.output


@pytest.mark.parametrize("words", [[], ["sim"]])
def test_a_list_of_commands_cuts_no_sentence_off(words: list[str]) -> None:
    result = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert "..." not in result.output.split("Commands:")[1]
