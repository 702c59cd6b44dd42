"""Adds rows for doors, readers, SecBoxes and zones that came into the site file after `init`, and
binds readers to portals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.access.actions import DOOR_ACTION, SEC_BOX_ACTION, parse_parameters
from gateway.commands.provisioning import further_portals, site_rows
from gateway.errors import InvalidRequest, NotFound
from gateway.objects.factory import CARD_SCRIPT, portal_of_readers, reader_binding_rows
from gateway.settings import SiteFile
from gateway.settings.initial import door_configuration
from gateway.store.objects.store import Store
from gateway.store.tables.identity import DeviceIdentity

Row = dict[str, Any]


def add_missing(store: Store, site: SiteFile) -> list[str]:
    """Add the rows that `init` would have made and that are missing; describes the added ones.

    Every door gets an action and a portal that opens it, every reader a portal, every SecBox and
    alarm zone its row. Existing rows do not change. After an interruption the next call continues.
    """
    # Each step reads what the step before has committed.
    return [*_add_rows(store, site), *_add_portals(store, site), *_bind_readers(store, site)]


def bind_reader(store: Store, site: SiteFile, name: str, portal: str | None) -> tuple[int, str]:
    """Bind a reader to `portal`, given by number or name; by default to that of the site file."""
    reader = next((it for it in site.reader if name in (it.name, it.title)), None)
    if reader is None:
        known = ", ".join(it.name for it in site.reader) or "none"
        raise NotFound(f"there is no reader {name!r}; this site has: {known}")
    found = named_row(store, "portals", str(reader.portal) if portal is None else portal)
    with store.transaction():
        parameter, instance = _parameter(store, reader.index)
        where = {"portal_script_parameters": {"script_parameter_id": parameter}}
        store.destroy("portal_script_parameters", where)
        store.insert("portal_script_parameters", [_binding(parameter, instance, found[0])])
    return found


def named_row(store: Store, table: str, text: str) -> tuple[int, str]:
    """Id and name of the row with this number or name. Raises NotFound or InvalidRequest."""
    rows = [(int(row["id"]), str(row["name"])) for row in _rows(store, table)]
    key = text.strip().casefold()
    found = [it for it in rows if str(it[0]) == key]
    found = found or [it for it in rows if it[1].casefold() == key]
    if len(found) == 1:
        return found[0]
    what = {"portals": "portal", "access_rules": "access rule"}[table]
    if found:
        ids = " and ".join(str(id_) for id_, _ in found)
        raise InvalidRequest(f"{what} {text!r} may be {ids}: give the number")
    known = ", ".join(f"{id_} ({name})" for id_, name in rows) or "none"
    raise NotFound(f"there is no {what} {text!r}; there are: {known}")


def _add_rows(store: Store, site: SiteFile) -> list[str]:
    """Add actions, SecBoxes and zones, and enable the wired inputs of new doors."""
    expected = site_rows(site, DeviceIdentity(0))
    known = {
        "actions": {_opened(row) for row in _rows(store, "actions")},
        "sec_boxs": {row["id"] for row in _rows(store, "sec_boxs")},
        "alarm_zones": {row["zone"] for row in _rows(store, "alarm_zones")},
    }
    taken = {row["id"] for row in _rows(store, "actions")}
    made: list[str] = []
    for row in expected["actions"]:
        if _opened(row) in known["actions"]:
            continue
        new = dict(row)
        if new["id"] in taken:
            del new["id"]
        taken.update(store.insert("actions", [new]))
        made.append(f"action for {row['name']}")
        for door in site.door:
            if _opened(row) == (DOOR_ACTION, str(door.id)):
                store.set_configuration({"general": door_configuration(door)})
    for row in expected["sec_boxs"]:
        if row["id"] not in known["sec_boxs"]:
            store.insert("sec_boxs", [row])
            made.append(f"SecBox {row['name']}")
    for row in expected["alarm_zones"]:
        if row["zone"] not in known["alarm_zones"]:
            store.insert("alarm_zones", [row])
            made.append(f"alarm zone {row['zone']}")
    return made


def _add_portals(store: Store, site: SiteFile) -> list[str]:
    """Add the portals that readers name, and one for each door that no portal opens."""
    actions = {_opened(row): row["id"] for row in _rows(store, "actions")}
    opened = {row["action_id"] for row in _rows(store, "portal_actions")}
    portals = {row["id"] for row in _rows(store, "portals")}
    shut = {
        door.id: door.shown
        for door in site.door
        if actions.get((DOOR_ACTION, str(door.id))) not in opened
    }
    made: list[str] = []

    def tie(portal: int, action: int | None, name: str) -> None:
        if action is not None and action not in opened:
            store.insert("portal_actions", [{"portal_id": portal, "action_id": action}])
            opened.add(action)
            made.append(f"portal {portal} opens {name}")

    for number, name in sorted({**shut, **further_portals(site)}.items()):
        portal = number
        if number not in portals or number in shut:
            row: Row = {"name": name, "area_from_id": 1, "area_to_id": 1}
            # An existing portal keeps its meaning and its rules, so the new one gets another id.
            if number not in portals:
                row["id"] = number
            (portal,) = store.insert("portals", [row])
            portals.add(portal)
            made.append(f"portal {portal} ({name})")
        if number in shut:
            tie(portal, actions.get((DOOR_ACTION, str(number))), name)
    for box in site.sec_box:
        if box.portal:
            tie(box.portal, actions.get((SEC_BOX_ACTION, str(box.id))), box.shown)
    return made


def _bind_readers(store: Store, site: SiteFile) -> list[str]:
    """Bind readers without a portal to that of the site file."""
    bound = _bound(store)
    made = []
    for reader in site.reader:
        if reader.index not in bound:
            parameter, instance = _parameter(store, reader.index)
            row = _binding(parameter, instance, reader.portal)
            store.insert("portal_script_parameters", [row])
            made.append(f"reader {reader.shown} stands for portal {reader.portal}")
    return made


def _bound(store: Store) -> Mapping[int, int]:
    return portal_of_readers(
        [(row["id"], row["script"]) for row in _rows(store, "scripts")],
        [(row["id"], row["script_id"], row["type"]) for row in _rows(store, "script_parameters")],
        [
            (
                row["script_parameter_id"],
                row["script_instance_id"],
                row["sequence"],
                row["value"],
            )
            for row in _rows(store, "portal_script_parameters")
        ],
    )


def _parameter(store: Store, index: int) -> tuple[int, int]:
    """The parameter and the instance that bind the reader `index`; missing rows are added."""
    seed = reader_binding_rows([(index, 1)])
    scripts = [
        row["id"]
        for row in _rows(store, "scripts")
        if row["script"].lower().startswith(CARD_SCRIPT)
    ]
    script = min(scripts, default=0) or store.insert("scripts", seed["scripts"])[0]
    kind = seed["script_parameters"][0]["type"]
    parameters = sorted(
        row["id"]
        for row in _rows(store, "script_parameters")
        if row["script_id"] == script and row["type"] == kind
    )
    for number in range(len(parameters) + 1, index + 1):
        row = {"script_id": script, "type": kind, "name": f"portal{number}"}
        parameters += store.insert("script_parameters", [row])
    instances = [
        row["id"] for row in _rows(store, "script_instances") if row["script_id"] == script
    ]
    instance = (
        min(instances, default=0) or store.insert("script_instances", [{"script_id": script}])[0]
    )
    return parameters[index - 1], instance


def _binding(parameter: int, instance: int, portal: int) -> Row:
    return {
        "script_parameter_id": parameter,
        "script_instance_id": instance,
        "sequence": 0,
        "value": portal,
    }


def _opened(action: Mapping[str, Any]) -> tuple[str, str]:
    """The script of an action, and the door or SecBox that it opens."""
    name = action["action"].strip().lower()
    key = {DOOR_ACTION: "door", SEC_BOX_ACTION: "id"}.get(name, "")
    return name, parse_parameters(action["parameters"] or "").get(key, "")


def _rows(store: Store, table: str) -> list[Row]:
    return [dict(row) for row in store.load({"object": table}).rows]
