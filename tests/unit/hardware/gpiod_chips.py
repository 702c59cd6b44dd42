"""A stand-in for gpiod's chips and requests, with gpiod's own values, that notes every call."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import gpiod
from gpiod.line import Direction, Edge, Value

LABELS = {"gpiochip0": "gpio-brcmstb", "gpiochip4": "pinctrl-bcm2711"}

Call = tuple[Any, ...]


class FakeRequest:
    """Lines of a chip: a real descriptor that can be polled, and edges that a test puts there."""

    def __init__(self, chips: FakeChips, config: dict[Any, Any], **asked: Any) -> None:
        self._chips = chips
        self.asked = asked
        self.settings = gpiod.LineSettings()
        self.high: dict[int, bool] = {}
        """Levels of the lines; those of inputs are what a test puts there."""
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.waiting: list[gpiod.EdgeEvent] = []
        self.number = 0
        self.error: OSError | None = None
        self.released = False
        self._apply("request", config)

    def pulse(self, line: int, stamp_ns: int) -> None:
        """A falling edge."""
        self.edge(line, stamp_ns, gpiod.EdgeEvent.Type.FALLING_EDGE)

    def edge(self, line: int, stamp_ns: int, kind: gpiod.EdgeEvent.Type) -> None:
        self.number += 1
        self.waiting.append(gpiod.EdgeEvent(kind.value, stamp_ns, line, self.number, 0))

    def tell(self) -> None:
        """Let the descriptor say that something waits."""
        os.eventfd_write(self.fd, 1)

    def reconfigure_lines(self, config: dict[Any, Any]) -> None:
        self._fail()
        lines = set(self.high)
        self._apply("change", config)
        assert set(self.high) == lines

    def read_edge_events(self, max_events: int | None = None) -> list[gpiod.EdgeEvent]:
        self._fail()
        os.eventfd_read(self.fd)
        taken, self.waiting = self.waiting[:max_events], self.waiting[max_events:]
        if self.waiting:
            self.tell()
        return taken

    def get_values(self, lines: Any = None) -> list[Value]:
        self._fail()
        return [Value.ACTIVE if self.high[line] else Value.INACTIVE for line in lines]

    def get_value(self, line: int) -> Value:
        return self.get_values([line])[0]

    def set_value(self, line: int, value: Value) -> None:
        self._fail()
        if self.settings.direction is not Direction.OUTPUT:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        self.high[line] = value is Value.ACTIVE
        self._chips.calls.append(("write", line, int(self.high[line])))

    def release(self) -> None:
        assert not self.released, "released twice"
        self.released = True
        self._chips.calls.append(("release", *self.high))
        os.close(self.fd)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    def _apply(self, act: str, config: dict[Any, Any]) -> None:
        ((lines, self.settings),) = config.items()
        for line in lines if isinstance(lines, tuple) else (lines,):
            if self.settings.direction is Direction.OUTPUT:
                self.high[line] = self.settings.output_value is Value.ACTIVE
                self._chips.calls.append((act, line, "output", int(self.high[line])))
            elif self.settings.direction is Direction.AS_IS:
                self.high[line] = line in self._chips.found_high
                self._chips.calls.append((act, line, "as it is"))
            else:
                self.high.setdefault(line, True)
                how = self.settings.bias.name
                if self.settings.edge_detection is not Edge.NONE:
                    how += f" {self.settings.edge_detection.name}"
                self._chips.calls.append((act, line, "input", how))


class FakeChips:
    """The chips of a board, by their paths."""

    def __init__(self) -> None:
        self.requests: list[FakeRequest] = []
        self.calls: list[Call] = []
        """What was done to the lines: act, line, and its direction or level."""
        self.refusal: OSError | None = None
        self.refused = 0
        self.unopened: set[str] = set()
        self.found_high: set[int] = set()
        """Lines that are high before anybody claims them; the others are low."""

    def open(self, path: str) -> FakeChip:
        if Path(path).name in self.unopened:
            raise PermissionError(errno.EACCES, "Permission denied")
        return FakeChip(self, path)

    def request_of(self, line: int) -> FakeRequest:
        """The request that has a line."""
        return next(it for it in self.requests if line in it.high and not it.released)


class FakeChip:
    def __init__(self, chips: FakeChips, path: str) -> None:
        self._chips = chips
        self._name = Path(path).name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def get_info(self) -> gpiod.ChipInfo:
        return gpiod.ChipInfo(self._name, LABELS[self._name], 2)

    def get_line_info(self, offset: int) -> SimpleNamespace:
        return SimpleNamespace(offset=offset, used=False, consumer="")

    def request_lines(
        self,
        config: dict[Any, Any],
        consumer: str | None = None,
        event_buffer_size: int | None = None,
        output_values: dict[Any, Any] | None = None,
    ) -> FakeRequest:
        if self._chips.refusal is not None:
            self._chips.refused += 1
            raise self._chips.refusal
        assert output_values is None
        assert self._name == "gpiochip4"
        request = FakeRequest(
            self._chips, config, consumer=consumer, event_buffer_size=event_buffer_size
        )
        self._chips.requests.append(request)
        return request
