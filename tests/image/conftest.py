"""What the tests of the image measured, at the end of the output.

`make test-image` builds the image first (`.ci/image`) and names this folder; plain pytest passes it
by.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

_figures = pytest.StashKey[list[str]]()

Note = Callable[[str], None]


@pytest.fixture(scope="session")
def note(pytestconfig: pytest.Config) -> Note:
    """Takes a line for the end of the output."""
    return pytestconfig.stash.setdefault(_figures, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    figures = config.stash.get(_figures, [])
    if figures:
        terminalreporter.section("measured")
        for line in figures:
            terminalreporter.write_line(line)
