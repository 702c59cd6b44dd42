"""Power cuts over the real schema of the store.

What a cut leaves has to open, to be sound, and to be the state of one commit that is not older
than the last acknowledged one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import FACTORY_ROWS
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.audit import AuditType, write_entry

if TYPE_CHECKING:
    from tests.unit.store.powercut.conftest import PowerModel, Script

CUTS = 300


@dataclass(frozen=True)
class Story:
    """What a store did, and the state after each commit; the first is that of the start."""

    script: Script
    states: list[str]


def _work(store: Store, stamp: int) -> Iterator[None]:
    """Commits of every kind that the api makes; each `yield` follows one."""
    for batch in range(6):
        numbers = range(batch * 40 + 10, batch * 40 + 50)
        store.insert("users", [{"id": number, "name": f"user {number}"} for number in numbers])
        yield
        store.insert("cards", [{"user_id": n, "value": n << 32} for n in numbers])
        yield
        with store.transaction():
            store.insert("user_groups", [{"user_id": n, "group_id": 1} for n in numbers])
            store.modify("users", {"name": f"batch {batch}"}, {"users": {"id": [numbers[0]]}})
            write_entry(store, AuditType.API, stamp, "x" * 600)
        yield
        store.set_configuration({"general": {"relay1_timeout": 1_000 + batch}})
        yield
        store.insert("access_rules", [{"name": f"rule {batch}", "type": 1}])
        yield
        if batch % 2:
            store.destroy("users", {"users": {"id": {"<": numbers[0], ">=": numbers[0] - 40}}})
            yield


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, power: type[PowerModel]) -> Story:
    path = tmp_path_factory.mktemp("script") / STORE_FILE
    with Store.create(path, REGISTRY, lambda: power.STAMP) as store, store.transaction():
        for name, rows in FACTORY_ROWS.items():
            store.insert(name, rows)
    base = path.read_bytes()
    recorder = power.recorder()
    with Store.open(path, REGISTRY, lambda: power.STAMP) as store:
        reader = store.reader().connection()
        states = [power.digest(reader)]
        recorder.hear(STORE_FILE, store.database.connection())
        states += [power.digest(reader) for _ in _work(store, power.STAMP)]
    with Store.open(path, REGISTRY, lambda: power.STAMP) as store:
        store.clear()
        store.insert("groups", [{"name": "restored"}])
        states.append(power.digest(store.reader().connection()))
    restored = {STORE_FILE: path.read_bytes()}
    return Story(power.script({STORE_FILE: base}, recorder.statements, restored), states)


def _verdicts(
    story: Story, tmp_path: Path, model: PowerModel, cuts: int
) -> tuple[list[str], list[int]]:
    """What each cut came to, and how much was acknowledged before it."""
    assert model.commits == len(story.states) - 1
    found, before = [], []
    for cut in model.cuts(cuts, tmp_path / "cut"):
        wrong, state = model.judged(cut.directory / STORE_FILE)
        if not wrong and state not in story.states:
            wrong = "half a batch"
        if not wrong:
            # A state that comes twice counts as the later one.
            newest = len(story.states) - 1 - story.states[::-1].index(state)
            wrong = "" if newest >= cut.acknowledged else "lost"
        found.append(wrong or "sound")
        before.append(cut.acknowledged)
    return found, before


def test_no_power_cut_damages_the_store_or_loses_what_was_acknowledged(
    story: Story, tmp_path: Path, power: type[PowerModel]
) -> None:
    model = power(story.script, tmp_path / "replay")
    found, before = _verdicts(story, tmp_path, model, CUTS)
    assert set(found) == {"sound"}
    assert len(found) == CUTS
    # They are spread over all of the work, the restore included.
    assert len(set(before)) > len(story.states) * 0.9


def test_the_model_finds_what_a_careless_setting_loses(
    story: Story, tmp_path: Path, power: type[PowerModel]
) -> None:
    model = power(story.script, tmp_path / "replay", {"synchronous": "off"})
    found, _ = _verdicts(story, tmp_path, model, 60)
    assert "lost" in found
    assert set(found) - {"sound", "lost"}
