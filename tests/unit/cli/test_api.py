"""Which machine the api process may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.api import platform_of
from gateway.errors import NotSupportedHere
from gateway.settings import SITE_FILE


@pytest.mark.parametrize(("board", "real"), [("simulated", False), ("pi4", True), ("pi99", False)])
def test_only_a_board_that_is_real_gets_the_machine(
    tmp_path: Path, board: str, *, real: bool
) -> None:
    head = f'[site]\nname = "S"\ntimezone = "UTC"\nboard = "{board}"\n'
    (tmp_path / SITE_FILE).write_text(head, encoding="utf-8")
    assert platform_of(tmp_path).real is real


def test_a_site_file_that_cannot_be_used_is_the_reason_of_a_refusal(tmp_path: Path) -> None:
    (tmp_path / SITE_FILE).write_text("no site", encoding="utf-8")
    with pytest.raises(NotSupportedHere, match="while the site file cannot be used"):
        platform_of(tmp_path).check_restart()
