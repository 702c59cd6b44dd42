"""The page that sets this device beside five others."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from .markdown import code, table

FEATURES = Path(__file__).with_name("features.toml")

ABOUT = """\
# This device beside others

What an installer asks of a panel of one to four doors. Each cell of this device names the tests
that prove it. A linked cell of another device leads to the document that says so; an empty one
means that the documents below do not say, not that the device cannot. `make docs` generates this
page from `tests/reference/features.toml`.
"""


def page() -> str:
    """The whole page."""
    read = tomllib.loads(FEATURES.read_text(encoding="utf-8"))
    columns, sources = read["columns"], read["sources"]
    rows = (_row(feature, columns, sources) for feature in read["feature"])
    lines = [ABOUT, *table(["feature", "this device", *columns.values()], rows)]
    lines += ["", "## What was read", ""]
    lines += [f"- [{title}]({address})" for title, address in sources.values()]
    return "\n".join(lines) + "\n"


def named_tests() -> list[str]:
    """Every test that a cell of this device names, as `FILE::FUNCTION`."""
    read = tomllib.loads(FEATURES.read_text(encoding="utf-8"))
    return [test for feature in read["feature"] for test in feature["tests"]]


def _row(
    feature: dict[str, Any], columns: dict[str, str], sources: dict[str, list[str]]
) -> list[str]:
    proofs = "; ".join(code(test) for test in feature["tests"])
    others = (f"[yes]({sources[feature[key]][1]})" if key in feature else "" for key in columns)
    return [feature["name"], f"[yes]({feature['page']}): {proofs}", *others]
