"""The inputs of the readers of one bus as lines of the site. Runs in the loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from gateway.hardware.captures import LineCapture
from gateway.hardware.events import InputLevel, InputLost, InputName
from gateway.hardware.osdp.reports import ReaderInputChanged
from gateway.settings import ReaderInput


class InputLines:
    """Which line of the site an input is, and its level."""

    def __init__(self, inputs: Mapping[InputName, ReaderInput], readers: Collection[str]) -> None:
        """`inputs` of other readers than `readers` are ignored."""
        self._names = {
            (wire.reader, wire.input): name
            for name, wire in inputs.items()
            if wire.reader in readers
        }
        self._known: dict[InputName, LineCapture] = {}
        self._levels: Counter[InputName] = Counter()
        """How many levels were reported; all but the first are changes."""

    def numbers(self, reader: str) -> list[int]:
        """The inputs of a reader that the site uses."""
        return [number for name, number in self._names if name == reader]

    def known(self) -> Iterator[LineCapture]:
        """Yield each line with a known level."""
        yield from self._known.values()

    def changed(self, report: ReaderInputChanged) -> InputLevel | InputLost:
        """Note a level, or that there is none now, and return it as an event."""
        name = self._names[report.reader, report.number]
        if report.active is None:
            self._known.pop(name, None)
            return InputLost(name, report.why, report.at_ns)
        high = not report.active  # an open contact is high, as at a pin with a pull-up
        changes = self._levels[name]
        self._levels[name] += 1
        changed_ns = report.at_ns if changes else None
        self._known[name] = LineCapture(
            name.kind.value, name.number, high, changed_ns, changes, edges=changes
        )
        return InputLevel(name, high, report.at_ns)
