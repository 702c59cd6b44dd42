"""What others chose is shown in one line and steers no terminal."""

from __future__ import annotations

from gateway.cli.printing import one_line


def test_what_cannot_be_printed_is_a_question_mark() -> None:
    assert one_line("Eve\nALARM \x1b[31m\u202egnp\x9b É") == "Eve?ALARM ?[31m?gnp? É"
