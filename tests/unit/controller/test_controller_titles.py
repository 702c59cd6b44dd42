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
    with start(demo) as bench, capture_logs() as logs:
        bench.configure({"general": {"door1_exception_mode": "emergency"}})
        bench.wait_until(lambda: bench.online("qr"))
        bench.simulator.unplug("qr")
        bench.wait_until(lambda: not bench.online("qr"))
    assert {line["door"] for line in logs if "door" in line} == {"Main entrance"}
    told = {line["device"] for line in logs if line["event"] == "device"}
    assert told == {"QR at the gate"}
