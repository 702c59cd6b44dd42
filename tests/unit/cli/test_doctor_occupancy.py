"""What `gateway doctor` says of occupancy limits that exit buttons or missing portals defeat."""

from __future__ import annotations

from pathlib import Path

from gateway.cli import doctor
from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from tests.demo_site import DEMO

IN, OUT, NOWHERE = 10, 11, 12


def test_limits_that_cannot_be_kept_are_warned_of(tmp_path: Path) -> None:
    data = tmp_path / "data"
    initialise(data, DEMO, demo=True)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        names = {IN: "in", OUT: "out", NOWHERE: "nowhere"}
        store.insert("areas", [{"id": id_, "name": name} for id_, name in names.items()])
        where = [{"field": "id", "value": 1}]
        store.modify("portals", {"area_from_id": OUT, "area_to_id": IN}, where)
        store.insert(
            "occupancy_limits",
            [{"area_id": IN, "maximum": 5}, {"area_id": NOWHERE, "maximum": 5}],
        )
    found = [it for it in doctor.examine(data) if it.subject.startswith("area")]
    assert [it.subject for it in found] == [f"area {IN}"] * 2 + [f"area {NOWHERE}"] * 2
    texts = [it.text for it in found]
    assert "no portal leads out of it" in texts[0]
    assert "exit button" in texts[1]
    assert "no portal leads into it" in texts[2]
