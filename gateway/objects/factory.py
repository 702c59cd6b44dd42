"""The rows of a new device, and the rows that bind readers to portals.

With the factory rows, a person in group 1 with a card opens door 1 at any time: most integrations
rely on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.objects.schedules import HOLIDAY_GROUPS, SECONDS_OF_DAY, WEEKDAYS

Rows = dict[str, list[dict[str, object]]]
"""Object name -> rows as a client sends them, in an order that satisfies references."""

VISITORS_TABLE = 3
"""`custom_tables.id` of the custom fields of visitors."""
RELEASE = 1
"""`access_rules.type` of a rule that lets people pass."""

FACTORY_ROWS: Rows = {
    # `users.user_type_id` of a visitor; an ordinary person's is null or 0.
    "user_types": [{"id": 1, "custom_table_id": VISITORS_TABLE, "require_visitor": 0}],
    "groups": [{"id": 1, "name": "Standard"}],
    "areas": [{"id": 1, "name": "Standard"}],
    "portals": [{"id": 1, "name": "Standard", "area_from_id": 1, "area_to_id": 1}],
    "actions": [{"id": 1, "name": "Door 1", "action": "door", "parameters": "door=1", "run_at": 0}],
    "access_rules": [{"id": 1, "name": "Always allowed", "type": RELEASE, "priority": 0}],
    "time_zones": [{"id": 1, "name": "Always allowed"}],
    "time_spans": [
        {
            "id": 1,
            "time_zone_id": 1,
            "start": 0,
            "end": SECONDS_OF_DAY - 1,
            **dict.fromkeys((*WEEKDAYS, *HOLIDAY_GROUPS), 1),
        }
    ],
    "portal_actions": [{"portal_id": 1, "action_id": 1}],
    # Tied to the portal, not its area: a portal added later must not be open to everyone.
    "portal_access_rules": [{"portal_id": 1, "access_rule_id": 1}],
    "group_access_rules": [{"group_id": 1, "access_rule_id": 1}],
    "access_rule_time_zones": [{"access_rule_id": 1, "time_zone_id": 1}],
    "contingency_card_access_rules": [{"access_rule_id": 1}],
}

CARD_SCRIPT = "card"
_PORTAL_PARAMETER = 2
"""`script_parameters.type` of a parameter that names a portal."""


def reader_binding_rows(readers: Iterable[tuple[int, int]]) -> Rows:
    """The rows that bind reader `index` (1..) to portal `portal_id`, for each such pair.

    Reader N is the N-th parameter of the script whose name starts with `card` (Control iD Access
    API, 2.4), so there is a parameter for every index up to the highest.
    """
    pairs = sorted(readers)
    highest = max((index for index, _ in pairs), default=0)
    return {
        "scripts": [{"id": 1, "script": CARD_SCRIPT}],
        "script_parameters": [
            {"id": number, "script_id": 1, "type": _PORTAL_PARAMETER, "name": f"portal{number}"}
            for number in range(1, highest + 1)
        ],
        "script_instances": [{"id": 1, "script_id": 1}],
        "portal_script_parameters": [
            {"script_parameter_id": index, "script_instance_id": 1, "sequence": 0, "value": portal}
            for index, portal in pairs
        ],
    }


def portal_of_readers(
    scripts: Iterable[tuple[int, str]],
    script_parameters: Iterable[tuple[int, int, int]],
    portal_script_parameters: Iterable[tuple[int, int, int, int]],
) -> Mapping[int, int]:
    """Reader index (1..) -> portal id, read from the rows; unbound readers are absent.

    The rows hold (id, script), (id, script_id, type) and (script_parameter_id,
    script_instance_id, sequence, value). Of several scripts and instances, the lowest id applies.
    """
    named = [number for number, script in scripts if script.lower().startswith(CARD_SCRIPT)]
    if not named:
        return {}
    chosen = min(named)
    parameters = sorted(
        number
        for number, script_id, kind in script_parameters
        if script_id == chosen and kind == _PORTAL_PARAMETER
    )
    index_of = {number: index for index, number in enumerate(parameters, start=1)}
    portals: dict[int, int] = {}
    for parameter, _instance, _sequence, portal in sorted(
        portal_script_parameters, key=lambda row: row[:3]
    ):
        if parameter in index_of:
            portals.setdefault(index_of[parameter], portal)
    return portals
