"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def code(text: object) -> str:
    """`text` as code within a cell."""
    shown = str(text).replace("|", "\\|").replace("\r", "\\r").replace("\n", "\\n")
    return f"`` {shown} ``" if "`" in shown or not shown.strip() else f"`{shown}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
