"""Switches sirens, bells, lights and buzzers on for a test, beside those that drive them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gateway.controller.state.component import Component
from gateway.controller.state.ports import SounderPort
from gateway.errors import InvalidRequest, NotFound

log = structlog.get_logger("outputs")


@dataclass(frozen=True, slots=True)
class OutputTest:
    """A test of one output."""

    until_ms: int
    wanted: bool
    """What the output will be afterwards."""


@dataclass(frozen=True, slots=True)
class OutputTestsState:
    """The tests in progress, by output."""

    tests: Mapping[str, OutputTest]


class TestedOutput:
    """An output as those see it that drive it: a test does not show."""

    __test__ = False

    def __init__(self, output: SounderPort) -> None:
        self._output = output
        self.test: OutputTest | None = None

    @property
    def on(self) -> bool:
        return self._output.on if self.test is None else self.test.wanted

    def drive(self, *, on: bool) -> None:
        if self.test is None:
            self._output.drive(on=on)
        else:
            self.test = OutputTest(self.test.until_ms, on)

    def begin(self, until_ms: int) -> None:
        """Switch on until then."""
        self.test = OutputTest(until_ms, self.on)
        self._output.drive(on=True)

    def end(self) -> None:
        """Switch to what is wanted since."""
        on, self.test = self.on, None
        self._output.drive(on=on)


class OutputTests(Component):
    """Keeps the tests in progress."""

    def __init__(self, outputs: Mapping[str, SounderPort]) -> None:
        """`outputs` are named as in `SiteFile.switches`."""
        self.outputs = {name: TestedOutput(output) for name, output in outputs.items()}
        """For those that drive them."""

    def state(self) -> OutputTestsState:
        return OutputTestsState(
            {name: it.test for name, it in self.outputs.items() if it.test is not None}
        )

    def restore(self, state: OutputTestsState) -> None:
        for name, output in self.outputs.items():
            output.test = state.tests.get(name)

    def begin(self, name: str, for_ms: int, now_ms: int) -> None:
        """Switch an output on for a time.

        Raises NotFound for an unknown output and InvalidRequest for one that is on.
        """
        output = self.outputs.get(name)
        if output is None:
            there = ", ".join(self.outputs) or "none"
            raise NotFound(f"there is no output {name!r} to test; this site has: {there}")
        if output.on or output.test:
            raise InvalidRequest(f"output {name!r} is on already: a test would not be noticed")
        log.info("an output is tested", output=name, for_ms=for_ms)
        output.begin(now_ms + for_ms)

    def tick(self, now_ms: int) -> None:
        for output in self.outputs.values():
            if output.test is not None and now_ms >= output.test.until_ms:
                output.end()

    def due_ms(self) -> int | None:
        return min((it.test.until_ms for it in self.outputs.values() if it.test), default=None)
