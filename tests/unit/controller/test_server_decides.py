"""Every row of tables/online.toml, and what no sequence of answers can do."""

from __future__ import annotations

import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    assert replays(lines, tmp_path)


def replays(lines: list[str], tmp_path: Path) -> bool:
    record = tmp_path / "record.jsonl"
    record.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    result = replay(record)
    return (result.difference, result.broken) == (None, None)


@pytest.mark.parametrize(
    "steps",
    [
        "1 pin 1234 front;1.2 record;1.5 answer 1 7;3 pin 1234 front;3.5 server away",
        "1 card 100 front;1.2 answer 1 4;2 record;3 pin 1234 front;4 answer 2 6",
        "1 set identifier.pin_identification_enabled 0;2 pin 5678 front;3 record;4 pin 1234 front",
    ],
    ids=["a PIN waits", "a second factor waits", "a keyed id waits"],
)
def test_a_record_that_begins_while_something_waits_replays_and_hides_what_was_keyed(
    steps: str, tmp_path: Path
) -> None:
    _, lines = play({"steps": steps.split(";"), "came_before": []})
    assert len(lines) > 2
    assert replays(lines, tmp_path)
    assert not any(keyed in line for keyed in ('"1234"', '"5678"', ": 5678,") for line in lines)


WAIT_S = 3.0
ANSWERS = ("7", "7", "7 openings=2", "6", "3", "4", "")


def happening(draw: Random) -> tuple[object, ...]:
    """Something that happens; answers are to the newest read, or the one before it."""
    return draw.choice(
        (
            *[("card", draw.choice((100, 200, 555)), draw.choice(("front", "qr")))] * 6,
            *[("answer", draw.choice((0, 0, 1)), draw.choice(ANSWERS))] * 8,
            ("pin", draw.choice((1234, 99)), "front"),
            ("server", draw.choice(("back", "away"))),
            ("api", draw.choice(("back", "gone"))),
            ("set", "general.exception_mode", draw.choice(("none", "none", "lock_down"))),
        )
    )


def course_of(seed: int) -> list[tuple[float, tuple[object, ...]]]:
    """A course of 30 happenings, each with the pause before it."""
    draw = Random(seed)  # noqa: S311 - no secret
    return [(draw.choice((0.5, 0.5, 1.0, 3.0)), happening(draw)) for _ in range(30)]


class Course:
    """What was done and what came of it, by instant."""

    def __init__(self, course: list[tuple[float, tuple[object, ...]]]) -> None:
        at_s, reads, self.answers = 0.5, 0, list[tuple[float, int, str]]()
        steps = []
        for pause_s, (verb, *words) in course:
            at_s += pause_s
            if verb in {"card", "pin"}:
                # The server comes back, so that more than the first reads are asked about.
                reads += 1
                steps.append(f"{at_s - 0.25:g} server back")
            if verb == "answer":
                number, given = max(reads - int(str(words[0])), 1), str(words[1])
                self.answers.append((at_s, number, given))
                steps.append(f"{at_s:g} answer {number} {given}".strip())
            else:
                steps.append(" ".join([f"{at_s:g}", str(verb), *map(str, words)]))
        denial = {"configuration": {"online_client.contingency_enabled": 0}}
        told, _ = play({**denial, "steps": [*steps, f"{at_s + WAIT_S:g} wait"]})
        self.told = [(float(at), what) for at, _, what in (line.partition(" ") for line in told)]

    def at(self, what: str) -> list[float]:
        """When something like `what` came."""
        return [at_s for at_s, words in self.told if words.startswith(what)]

    def settled_s(self, number: int, asked_s: float) -> tuple[float, str]:
        """When a question no longer waited, and the answer that it got; empty for none."""
        ends = [(asked_s + WAIT_S, "")]
        ends += [(at_s, "") for at_s in self.at("server denial") if at_s >= asked_s]
        answers = [
            (at_s, given) for at_s, n, given in self.answers if n == number and at_s > asked_s
        ]
        return min((*ends, *answers), key=lambda end: end[0])


@given(course=st.integers(0, 1 << 32).map(course_of))
@settings(max_examples=settings().max_examples // 2)
def test_nothing_opens_but_by_a_grant_for_a_question_that_waits(
    course: list[tuple[float, tuple[object, ...]]],
) -> None:
    run = Course(course)
    settled = [run.settled_s(n, at_s) for n, at_s in enumerate(run.at("asks"), start=1)]
    granted = {at_s for at_s, answer in settled if answer.startswith("7")}
    opened = {at_s for at_s, words in run.told if words.endswith(" unlocked")}
    assert opened <= granted


@given(course=st.integers(0, 1 << 32).map(course_of))
@settings(max_examples=settings().max_examples // 2)
def test_whoever_is_asked_about_has_a_verdict_when_the_time_is_over(
    course: list[tuple[float, tuple[object, ...]]],
) -> None:
    run = Course(course)
    verdicts = run.at("event")
    for number, asked_s in enumerate(run.at("asks"), start=1):
        at_s, _ = run.settled_s(number, asked_s)
        assert at_s <= asked_s + WAIT_S
        assert at_s in verdicts
