"""What puts a site's relays right without reading the site: chip, lines and levels.

The controller writes it whenever it has come up. The safe page's programs put the relays by it when
the release is broken so far that `gateway safe-relays` does not run either.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from gateway.errors import DamagedFile
from gateway.files import read_whole, write_whole

PLAN_FILE = "relays.plan"
"""Beside the journal."""
_FORM = 1
_LARGEST = 1 << 16
_MOST_LINES = 64
_HIGHEST_OFFSET = 1 << 10
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One output and its level for a fault."""

    name: str
    """Its key in the site file, and what the level does."""
    offset: int
    """On the chip."""
    high: bool


@dataclass(frozen=True, slots=True)
class RelayPlan:
    """All outputs of a site, locks first."""

    chip: str
    """Its label."""
    module: str
    """The kernel's; its parameter `persist_gpio_outputs` says whether outputs keep their levels."""
    lines: tuple[PlannedLine, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises OSError, and DamagedFile for what no controller wrote."""
        try:
            found: Any = json.loads(read_whole(path, _LARGEST))
            plan = cls(
                found["chip"], found["module"], tuple(PlannedLine(**it) for it in found["lines"])
            )
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise DamagedFile(f"{path} is damaged") from error
        if found.get("form") != _FORM or not plan._is_sound():
            raise DamagedFile(f"{path} is damaged, or of another release")
        return plan

    def write(self, path: Path) -> None:
        """Write it unless it is there already. Raises OSError."""
        content = json.dumps({"form": _FORM, **asdict(self)}).encode()
        try:
            if read_whole(path, _LARGEST) == content:
                return
        except OSError:
            pass
        write_whole(path, content, mode=0o640)

    def _is_sound(self) -> bool:
        texts: tuple[Any, ...] = (self.chip, self.module, *(line.name for line in self.lines))
        return (
            all(isinstance(text, str) and len(text) <= _LONGEST for text in texts)
            and self.module.replace("_", "").isalnum()
            and len(self.lines) <= _MOST_LINES
            and all(
                type(line.offset) is int
                and 0 <= line.offset < _HIGHEST_OFFSET
                and type(line.high) is bool
                for line in self.lines
            )
        )
