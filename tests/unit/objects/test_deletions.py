"""What a deleted row takes along, what it frees, what goes on naming it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.access.trace import TimeVerdict
from gateway.errors import ConstraintViolation
from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import FACTORY_ROWS
from gateway.store.objects.store import Store
from gateway.store.policy.snapshot import SnapshotReader

TABLE = Path(__file__).parent / "tables" / "deletions.txt"


def fates() -> list[tuple[str, str, str]]:
    """Target, fate, and the reference as `object.field`."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(": ") for line in lines if not line.startswith("#")]
    return [(target, fate, ref) for target, fate, refs in rows for ref in refs.split()]


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, samples: Callable[..., Any]
) -> Iterator[SimpleNamespace]:
    path: Path = tmp_path_factory.mktemp("deletions") / "store.db"
    with Store.create(path, REGISTRY, lambda: 99) as store:

        def put(name: str, row: dict[str, Any]) -> int:
            if REGISTRY[name].log:
                with store.transaction():
                    return int(store.model(name).insert(**row).execute())
            return store.insert_or_modify(name, [row])[0]

        yield SimpleNamespace(store=store, put=put, samples=samples(REGISTRY, put))


def test_the_table_tells_of_every_reference() -> None:
    declared = {
        (ref.target, f"{it.name}.{ref.name}")
        for it in REGISTRY
        for ref in it.refs
        # What becomes of custom fields when their table goes: see the tests of custom fields.
        if ref.target not in {"custom_tables", "custom_columns"}
    }

    assert sorted((target, ref) for target, _, ref in fates()) == sorted(declared)


@pytest.mark.parametrize(("target", "fate", "reference"), fates())
def test_a_deletion_has_the_effect_that_the_table_says(
    site: SimpleNamespace, target: str, fate: str, reference: str
) -> None:
    name, field = reference.split(".")
    parent = site.put(target, site.samples.row(REGISTRY[target]))
    site.put(name, {**site.samples.row(REGISTRY[name]), field: parent})
    key = REGISTRY[target].key_name

    def referring() -> list[Any]:
        rows = site.store.load({"object": name}).rows
        return [row for row in rows if row[field] == parent]

    before = len(list(site.store.load({"object": name}).rows))
    assert len(referring()) == 1
    where = {target: {key: parent}}
    if fate == "forbids":
        with pytest.raises(ConstraintViolation, match=rf"{name}\.{field}"):
            site.store.destroy(target, where)
    else:
        assert site.store.destroy(target, where) == 1
    left = len(list(site.store.load({"object": name}).rows))
    assert len(referring()) == (1 if fate in ("stays", "forbids") else 0)
    assert before - left == (1 if fate == "goes" else 0)


@pytest.fixture
def blocked(tmp_path: Path) -> Iterator[Store]:
    """The factory's rows, and the blocking rule 2 with the time zones 2 and 3."""
    with Store.create(tmp_path / "store.db", REGISTRY, lambda: 99) as store:
        for name, rows in FACTORY_ROWS.items():
            store.insert(name, rows)
        store.insert("time_zones", [{"id": 2, "name": "nights"}, {"id": 3, "name": "weekends"}])
        days = dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 1)
        for zone in (2, 3):
            span = {"time_zone_id": zone, "start": 0, "end": 3_600, **days}
            store.insert("time_spans", [span])
        store.insert("access_rules", [{"id": 2, "name": "no", "type": 0}])
        links = [{"access_rule_id": 2, "time_zone_id": zone} for zone in (2, 3)]
        store.insert("access_rule_time_zones", links)
        yield store


def schedule_of(store: Store, rule: int) -> TimeVerdict | None:
    """What the schedule of a rule says at every moment, None when that depends on the moment."""
    compiling = SnapshotReader(store.reader(), store.models).compile()
    while True:
        try:
            next(compiling)
        except StopIteration as done:
            verdict: TimeVerdict | None = done.value.policy.rules[rule].when.fixed
            return verdict


def zones(store: Store) -> list[object]:
    return [row["id"] for row in store.load({"object": "time_zones"}).rows]


def test_one_of_several_time_zones_of_a_block_cannot_be_deleted(blocked: Store) -> None:
    assert schedule_of(blocked, 2) is None
    for where in ({"time_zones": {"id": [1, 3]}}, {"time_zones": {"name": "week%"}}):
        with pytest.raises(ConstraintViolation, match=r"^blocking rule 2 would lose time zone 3 "):
            blocked.destroy("time_zones", where)

    assert zones(blocked) == [1, 2, 3]


@pytest.mark.parametrize("where", [None, {"time_zones": {"id": [2, 3]}}])
def test_a_block_without_its_time_zones_blocks_always(blocked: Store, where: object) -> None:
    blocked.destroy("time_zones", where)

    assert schedule_of(blocked, 2) is TimeVerdict.NO_SCHEDULE


def test_a_time_zone_untied_from_the_block_or_of_a_release_may_go(blocked: Store) -> None:
    blocked.insert("access_rule_time_zones", [{"access_rule_id": 1, "time_zone_id": 3}])
    blocked.destroy(
        "access_rule_time_zones",
        {"access_rule_time_zones": {"access_rule_id": 2, "time_zone_id": 3}},
    )

    assert blocked.destroy("time_zones", {"time_zones": {"id": 3}}) == 1
    assert schedule_of(blocked, 2) is None
    assert schedule_of(blocked, 1) is TimeVerdict.ALWAYS


def test_a_block_with_an_emptied_time_zone_blocks_always(blocked: Store) -> None:
    blocked.destroy("time_spans", {"time_spans": {"time_zone_id": 3}})

    assert schedule_of(blocked, 2) is TimeVerdict.NO_SCHEDULE


@pytest.mark.parametrize("where", [None, {"validations": {"id": 7}}])
def test_a_condition_that_is_tied_to_a_rule_is_not_deleted(blocked: Store, where: object) -> None:
    blocked.insert("validations", [{"id": 7, "name": "staff", "validation": "member_of"}])
    blocked.insert("access_rule_validations", [{"access_rule_id": 1, "validation_id": 7}])
    with pytest.raises(ConstraintViolation, match=r"^row 1 of access_rules .* condition 7"):
        blocked.destroy("validations", where)

    blocked.destroy("access_rule_validations", None)
    assert blocked.destroy("validations", where) == 1
