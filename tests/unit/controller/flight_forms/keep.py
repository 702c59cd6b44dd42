"""Keeps the shapes of the present form of a flight record: `python .../flight_forms/keep.py`.

Run it after raising `FORM`. The file of a form is never written twice: records of that form exist.
"""

from __future__ import annotations

import json
from pathlib import Path

from gateway.controller.flight.forms import FORM, schemas

HERE = Path(__file__).parent
KEPT = HERE / f"{FORM}.json"


def lines() -> str:
    """A JSON object with a line for each type."""
    each = (f"{json.dumps(name)}: {json.dumps(of)}" for name, of in schemas().items())
    return "{\n" + ",\n".join(each) + "\n}\n"


if __name__ == "__main__":
    with KEPT.open("x", encoding="ascii") as file:
        file.write(lines())
    for former in HERE.glob("*.json"):
        if former != KEPT:
            former.unlink()
