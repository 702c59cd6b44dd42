"""One virtual machine for all tests here, and what they measured at the end of the output.

`make test-vm` builds the machine first (`.ci/vm`) and names this folder; plain pytest passes it by.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import pytest

from .board import MAGNET, STRIKE, Board, Watch
from .machine import Machine, eventually
from .services import CONTROLLER, Services

_machine = pytest.StashKey[Machine]()
_figures = pytest.StashKey[list[str]]()

Note = Callable[[str], None]


@pytest.fixture(scope="session")
def machine(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("vm")) as started:
        pytestconfig.stash[_machine] = started
        yield started


@pytest.fixture(scope="session")
def board(machine: Machine) -> Board:
    return Board(machine)


@pytest.fixture(scope="session")
def services(machine: Machine) -> Services:
    return Services(machine)


@pytest.fixture
def watch(board: Board, services: Services) -> Watch:
    """Both doors are locked, and what happens to them from now on."""
    assert services.look(CONTROLLER).state == "active"
    eventually(lambda: not board.high(STRIKE) and board.high(MAGNET), "two locked doors")
    return Watch(board)


@pytest.fixture
def note(pytestconfig: pytest.Config) -> Note:
    """Takes a line for the end of the output."""
    return pytestconfig.stash.setdefault(_figures, []).append


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    machine = item.config.stash.get(_machine, None)
    if report.failed and machine is not None:
        report.sections.append(("the virtual machine", machine.logs()))
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    figures = config.stash.get(_figures, [])
    if figures:
        terminalreporter.section("measured in the virtual machine, in its own time")
        for line in figures:
            terminalreporter.line(line)
