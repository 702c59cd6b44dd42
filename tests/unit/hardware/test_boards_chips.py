"""GPIO chips as the kernel's library tells of them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from gateway.hardware.boards.chips import Chips, read_chips


class KernelChip:
    """Stands in for the library's class: two lines, one of them in use."""

    def __init__(self, path: str) -> None:
        if path.endswith("1"):
            raise PermissionError(13, "Permission denied")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_info(self) -> Any:
        return SimpleNamespace(label="pinctrl-rp1", num_lines=2)

    def get_line_info(self, offset: int) -> Any:
        return SimpleNamespace(offset=offset, used=offset == 1, consumer="fan")


def test_chips_are_told_with_the_users_of_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", SimpleNamespace(Chip=KernelChip))
    for name in ("gpiochip0", "gpiochip1", "tty0"):
        (tmp_path / name).touch()
    chips = read_chips(tmp_path)
    chip = chips.labelled("pinctrl-rp1")
    assert chip is not None
    assert (chip.path, dict(chip.users)) == (str(tmp_path / "gpiochip0"), {1: "fan"})
    assert chips.refused == (f"{tmp_path / 'gpiochip1'}: Permission denied",)
    assert chips.labelled("pinctrl-bcm2711") is None


def test_without_the_library_nothing_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    assert read_chips() == Chips(looked=False)
