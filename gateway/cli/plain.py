"""Text that neither begins a line of its own nor steers a terminal."""

from __future__ import annotations


def one_line(text: str) -> str:
    """`text`, which others chose, with a question mark for whatever cannot be printed."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
