"""The simulated board from outside: cards swiped over its lines, and the log of its relay lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.credentials.wiegand import FORMATS, encode

from .machine import Machine

STRIKE, MAGNET = 17, 18
"""The relay lines of guest/site.toml."""
REX = 22
"""The button of door 1, pressed when low."""
READERS = {"front": (5, 6), "back": (19, 26)}
"""D0 and D1 of its readers."""
ANA = (123, 45678)
"""A card of the demo that opens both doors."""

_TOUCH = re.compile(r"(\d+\.\d+): (\w+): \(.*\) (.*)$", re.MULTILINE)


class Act(StrEnum):
    """What a process did to a line, as guest/make_board calls it."""

    CLAIM = "output"
    WRITE = "write"
    FLOAT = "input"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Touch:
    """One call into the chip's driver."""

    at_s: float
    """Monotonic seconds of the machine."""
    line: int
    act: Act
    high: bool | None = None
    """The level that was asked for; None for those that ask for none."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A line took another level because a process said so."""

    at_s: float
    high: bool


def parse(trace: str) -> Iterator[Touch]:
    """The calls in a kernel trace, in their order."""
    for at, act, rest in _TOUCH.findall(trace):
        words = {key: int(value, 0) for key, value in (word.split("=") for word in rest.split())}
        if act == "writes":  # several lines at once, as two masks
            for line in range(words["lines"].bit_length()):
                if words["lines"] >> line & 1:
                    yield Touch(float(at), line, Act.WRITE, bool(words["levels"] >> line & 1))
        else:
            level = words.get("level")
            high = None if level is None else bool(level)
            yield Touch(float(at), words["line"], Act(act), high)


def edges(touches: list[Touch]) -> list[Edge]:
    """The edges of one line on a kernel that keeps an output as it was driven, as a Pi's does.

    The simulated chip puts a line to 0 when its owner dies or lets go. That edge is its kernel's
    own; nobody commanded it, and on a Pi it does not happen. So it is left out, and every edge here
    is one that a process made. A line that has not been driven yet is low, as the profile has it.
    """
    found: list[Edge] = []
    high = False
    for touch in touches:
        if touch.high is not None and touch.high is not high:
            high = touch.high
            found.append(Edge(touch.at_s, high))
    return found


class Board:
    """The board of a running machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def touches(self, line: int) -> list[Touch]:
        """What was done to a line since the machine booted."""
        trace = self._machine.read("/sys/kernel/tracing/trace")
        return [touch for touch in parse(trace) if touch.line == line]

    def edges(self, line: int) -> list[Edge]:
        """The edges of a line since the machine booted."""
        return edges(self.touches(line))

    def high(self, line: int) -> bool:
        """The level of a line now."""
        return self._machine.read(f"/run/board/sim_gpio{line}/value").strip() == "1"

    def prepare(self, reader: str) -> None:
        """Put a frame of Ana's card where `swipe_line` finds it."""
        self._machine.write(f"/run/{reader}.frame", encode(FORMATS["w26"], *ANA) + "\n")

    @staticmethod
    def swipe_line(reader: str) -> str:
        """The shell's line that holds her card to a reader."""
        lines = ":".join(f"/run/board/sim_gpio{line}/pull" for line in READERS[reader])
        return f"/usr/lib/vm/pulses 50 2000 50000 {lines}:/run/{reader}.frame"

    def swipe(self, reader: str) -> float:
        """Hold Ana's card to a reader; returns the machine's time just before that."""
        self.prepare(reader)
        before_s = self._machine.now_s()
        self._machine.run("sh", "-c", self.swipe_line(reader))
        return before_s


class Watch:
    """What has happened to both locks since it began."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._touched = {line: len(board.touches(line)) for line in (STRIKE, MAGNET)}
        self._edges = {line: len(board.edges(line)) for line in (STRIKE, MAGNET)}

    def edges(self, line: int) -> list[bool]:
        """The levels that a line took."""
        return [edge.high for edge in self._board.edges(line)[self._edges[line] :]]

    def touches(self, line: int) -> list[Touch]:
        """What was done to it."""
        return self._board.touches(line)[self._touched[line] :]
