"""Power cuts while a store is sealed with a new key and its freed pages are emptied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.objects.catalogue import REGISTRY
from gateway.sealing import Sealer
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

if TYPE_CHECKING:
    from tests.unit.store.powercut.conftest import PowerModel

CUTS = 30
PINS = ["73910462", "5550123"]


def pins(store: Store) -> list[object]:
    return [row["value"] for row in store.load({"object": "pins", "order": ["id"]}).rows]


def test_a_cut_leaves_all_sealed_with_the_former_key_or_the_new_one(
    tmp_path: Path, power: type[PowerModel]
) -> None:
    path, former, new = tmp_path / STORE_FILE, Sealer.random(), Sealer.random()
    with Store.create(path, REGISTRY, lambda: power.STAMP, former) as store:
        store.insert("users", [{"id": 1, "name": "Ana"}, {"id": 2, "name": "Bo"}])
        store.insert("pins", [{"user_id": 1 + i, "value": pin} for i, pin in enumerate(PINS)])
    base = {STORE_FILE: path.read_bytes()}
    recorder = power.recorder()
    with Store.open(path, REGISTRY, lambda: power.STAMP, former) as store:
        connection = store.database.connection()
        recorder.hear(STORE_FILE, connection)
        assert store.rekey(new) == {}
        sealed = len(recorder.statements)
        connection.set_trace_callback(None)
        assert store.scrub()
    statements = [*recorder.statements[:sealed], (STORE_FILE, "VACUUM")]
    model = power(power.script(base, statements), tmp_path / "replay")
    assert model.commits == 1
    seen = set()
    for cut in model.cuts(CUTS, tmp_path / "cut"):
        left = cut.directory / STORE_FILE
        wrong, _ = power.judged(left)
        assert not wrong
        # Both keys are on the disk until the store names the new one for certain.
        fits = []
        for sealer in (former, new):
            with Store.open(left, REGISTRY, lambda: power.STAMP, sealer) as store:
                if store.key_fault is None:
                    assert pins(store) == PINS
                    fits.append(sealer)
        (key,) = fits
        assert key is new or not cut.acknowledged
        seen.add(key)
    assert seen == {former, new}
