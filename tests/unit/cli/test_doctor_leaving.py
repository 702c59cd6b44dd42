"""What `gateway doctor` says of doors by which people may be unable to leave."""

from __future__ import annotations

from pathlib import Path

from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from tests.demo_site import DEMO
from tests.unit.cli.conftest import said

IN, OUT = 10, 11
LOCKED_IN = "in a lock-down nobody can leave by it"
REFUSED = "people leave by its readers alone, and these may refuse them: "


def test_a_door_that_nothing_but_a_card_opens_from_inside_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    initialise(data, DEMO.replace('egress = "mechanical"', 'egress = "software"', 1), demo=True)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        assert LOCKED_IN not in said(data)
        store.set_configuration({"general": {"buttonhole1_enabled": "0"}})
        found = said(data)
        assert LOCKED_IN in found
        assert REFUSED not in found

        store.insert("areas", [{"id": IN, "name": "in"}, {"id": OUT, "name": "out"}])
        where = [{"field": "id", "value": 1}]
        store.modify("portals", {"area_from_id": IN, "area_to_id": OUT}, where)
        store.insert("threat_levels", [{"id": 1, "level": 2, "name": "a", "factor_mode": 3}])
        store.insert("occupancy_limits", [{"area_id": OUT, "maximum": 5}])
        assert f"{REFUSED}threat level 2, area {OUT} while it is full" in said(data)

        store.insert("outside_areas", [{"area_id": OUT}])
        found = said(data)
        assert REFUSED not in found
        assert f"area {OUT}: is outside of the site" in found

        store.insert("portal_rules", [{"id": 5, "name": "two", "type": 1}])
        store.insert("portal_rule_groups", [{"portal_rule_id": 5, "group_id": 1, "quantity": 2}])
        store.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 5}])
        assert "whoever is alone cannot leave by a reader there" in said(data)
