"""Every row of tables/online.toml, and what no sequence of answers can do."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.controller.replay.replay import replay
from tests.unit.controller.scenarios import Play

TABLE = tomllib.loads((Path(__file__).parent / "tables" / "online.toml").read_text("utf-8"))


def play(case: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What came of a case after its beginning, and its record."""
    shared = {name: TABLE[name] for name in ("people", "contingency_cards")}
    configuration = {**TABLE["configuration"], **case.get("configuration", {})}
    scene = Play({**shared, **case, "configuration": configuration})
    told = scene.run([*case.get("before", TABLE["before"]), *case["steps"]])
    came_before = case.get("came_before", TABLE["came_before"])
    assert told[: len(came_before)] == came_before
    return told[len(came_before) :], scene.record.lines


@pytest.mark.parametrize("case", TABLE["case"], ids=lambda case: str(case["name"]))
def test_a_case_does_what_it_says_and_replays_identically(
    case: dict[str, Any], tmp_path: Path
) -> None:
    told, lines = play(case)
    if "tail" in case:
        assert told[-len(case["tail"]) :] == case["tail"]
    else:
        assert told == case["expect"]
    record = tmp_path / "record.jsonl"
    record.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    result = replay(record)
    assert (result.difference, result.broken) == (None, None)
