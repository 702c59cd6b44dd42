"""What the log looks like in the journal, on a terminal and in a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog

from gateway.cli.logs import KEPT_LINES, Reader, log_to_stderr, reader_of_stderr, renderer
from gateway.explain.entry_words import Priority

NINE = 9 * 3_600 + 60


def test_the_journal_gets_a_priority_and_no_time() -> None:
    render = renderer(Reader.JOURNAL)
    event = {"event": "ALARM back: forced open", "level": "error", "priority": 2, "at": NINE}
    assert render(None, "error", event) == "<2>ALARM back: forced open"
    assert render(None, "info", {"event": "ready", "level": "info"}) == "<6>ready"
    assert render(None, "warning", {"event": "late", "level": "warning", "why": "x"}) == (
        "<4>late (why: x)"
    )


def test_each_line_of_a_traceback_has_its_priority() -> None:
    event = {"event": "failed", "level": "error", "exception": "Traceback\n  line"}
    assert renderer(Reader.JOURNAL)(None, "error", event) == "<3>failed\n<3>Traceback\n<3>  line"


def test_a_terminal_gets_the_time_of_day_at_the_site() -> None:
    event = {"event": "GRANTED Ana at front (card)", "level": "info", "priority": 6, "at": NINE}
    assert renderer(Reader.TERMINAL)(None, "info", event) == "09:01:00 GRANTED Ana at front (card)"
    alarm = {"event": "ALARM back", "level": "error", "priority": 2, "at": NINE}
    assert "\x1b[" in renderer(Reader.TERMINAL)(None, "error", alarm)


def test_a_file_gets_the_full_time_and_the_level() -> None:
    line = renderer(Reader.FILE)(None, "info", {"event": "ready", "level": "info"})
    stamp, level, text = line.split(maxsplit=2)
    assert (stamp[-6:], level, text) == ("+00:00", "info", "ready")


@pytest.mark.parametrize("reader", Reader)
def test_a_name_cannot_begin_a_line_or_steer_the_terminal(reader: Reader) -> None:
    event = {"event": "GRANTED A\n<0>b\x1b[2J at front", "level": "info", "at": NINE}
    line = renderer(reader)(None, "info", event)
    assert "\n" not in line
    assert "\x1b[2J" not in line


def test_the_journal_is_known_by_its_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        monkeypatch.setattr("sys.stderr", file)
        assert reader_of_stderr() is Reader.FILE
        found = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert reader_of_stderr() is Reader.JOURNAL
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")
        assert reader_of_stderr() is Reader.FILE, "redirected by whoever started it"


def test_priorities_are_those_of_syslog() -> None:
    assert [it.value for it in Priority] == [2, 3, 4, 5, 6]


def test_the_newest_lines_are_kept_for_support(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        log_to_stderr()
        log = structlog.get_logger("kept")
        for number in range(KEPT_LINES.maxlen or 0):
            log.info("filled", number=number, text="x" * 5_000)
        log.error("no disk", why="full")
    finally:
        structlog.configure(**before)
    assert len(KEPT_LINES) == KEPT_LINES.maxlen
    assert KEPT_LINES[-1].endswith("error    no disk (why: full)")
    assert max(map(len, KEPT_LINES)) <= 2_000
    assert "no disk" in capsys.readouterr().err
