"""`gateway threat-level`: what it asks of the controller, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import threat_level as module
from gateway.cli.threat_level import threat_level
from gateway.link.messages import SetThreatLevel, ThreatStatus
from gateway.store.objects.store import Store


@pytest.fixture(scope="module", autouse=True)
def level_2(demo: tuple[Path, Store]) -> None:
    _, store = demo
    store.insert("threat_levels", [{"level": 2, "name": "guards"}])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the controller is asked."""
    found: list[Any] = []

    @contextmanager
    def controller(_data: Path) -> Iterator[Any]:
        status = SimpleNamespace(threat=ThreatStatus(level=2, name="guards"))
        yield SimpleNamespace(ask=found.append, status=lambda: status)

    monkeypatch.setattr(module, "controller_of", controller)
    told = [("threat level", "level 2 (guards)"), ("alarm", "zone 1")]
    monkeypatch.setattr(module, "words_in_force", lambda *_: told)
    return found


def run(data: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(threat_level, ["--data", str(data), *words])
    return done.exit_code, done.output


def test_a_level_is_put_in_force_with_its_reason_and_end(data: Path, asked: list[Any]) -> None:
    words = ("2", "--reason", "a fight", "--minutes", "5")
    assert run(data, *words) == (0, "threat level: level 2 (guards)\n")
    assert asked == [SetThreatLevel(level=2, minutes=5, login="shell", reason="a fight")]


def test_without_a_level_nothing_changes(data: Path, asked: list[Any]) -> None:
    assert run(data) == (0, "threat level: level 2 (guards)\n")
    assert asked == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2",), "--reason"),
        (("0", "--minutes", "5"), "--minutes"),
        (("4", "--reason", "x"), "4"),
    ],
)
def test_what_makes_no_level_is_refused(
    data: Path, asked: list[Any], words: tuple[str, ...], said: str
) -> None:
    code, text = run(data, *words)
    assert code == 2
    assert said in text
    assert asked == []


def test_a_level_that_the_site_has_not_defined_is_refused(data: Path, asked: list[Any]) -> None:
    code, _ = run(data, "3", "--reason", "x")
    assert code != 0
    assert asked == []
