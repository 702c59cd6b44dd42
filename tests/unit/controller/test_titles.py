"""What logs call doors and readers that have a title; the journal keeps to their names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from gateway.settings import SITE_FILE

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench


def test_logs_show_titles(
    demo: Path, start: Callable[[Path], AbstractContextManager[Bench]]
) -> None:
    site = demo / SITE_FILE
    text = site.read_text(encoding="utf-8")
    text = text.replace('# title = "Main entrance"', 'title = "Main entrance"')
    text = text.replace("index = 2\n", 'index = 2\ntitle = "QR at the gate"\n')
    site.write_text(text, encoding="utf-8")
    with capture_logs() as logs:
        with start(demo) as bench:
            bench.configure({"general": {"door1_exception_mode": "emergency"}})
            bench.wait_until(lambda: bench.online("qr"))
            bench.simulator.unplug("qr")
            bench.wait_until(lambda: not bench.online("qr"))
        told = [line["event"] for line in logs]  # the end waits for the last lines
    assert "MODE Main entrance: emergency, held unlocked" in told
    assert any(line.startswith("QR at the gate is offline") for line in told)
    assert not any(line.startswith(("front", "qr ")) for line in told)
