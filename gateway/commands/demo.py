"""The people and rules of the demo site: a grant, a schedule and a refusal at both doors."""

from __future__ import annotations

from gateway.objects.factory import Rows
from gateway.objects.schedules import HOLIDAY_GROUPS, WEEKDAYS

_OFFICE_DAYS = {day: int(day not in {"sat", "sun"}) for day in WEEKDAYS}


def demo_rows() -> Rows:
    """The rows of the demo.

    Ana has group 1 and passes at any time. Bruno passes the back door, and the front in office
    hours. Carla has a QR code. Davi has a card but no rule.
    """
    return {
        "groups": [{"id": 2, "name": "Office"}, {"id": 3, "name": "Visitors"}],
        "users": [
            {"id": 1, "name": "Ana", "registration": "1001"},
            {"id": 2, "name": "Bruno", "registration": "1002"},
            {"id": 3, "name": "Carla", "registration": "1003"},
            {"id": 4, "name": "Davi", "registration": "1004"},
        ],
        "user_groups": [
            {"user_id": 1, "group_id": 1},
            {"user_id": 1, "group_id": 2},
            {"user_id": 2, "group_id": 2},
            {"user_id": 3, "group_id": 2},
            {"user_id": 4, "group_id": 3},
        ],
        "cards": [
            {"user_id": 1, "value": (123 << 32) | 45678},
            {"user_id": 2, "value": (123 << 32) | 45679},
            {"user_id": 4, "value": (123 << 32) | 45680},
        ],
        "pins": [{"user_id": 1, "value": "1234"}],
        "qrcodes": [
            {"user_id": 1, "value": "DEMO-ANA"},
            {"user_id": 3, "value": "DEMO-CARLA"},
        ],
        "time_zones": [{"id": 2, "name": "Office hours"}],
        "time_spans": [
            {
                "time_zone_id": 2,
                "start": 8 * 3600,
                "end": 18 * 3600,
                **_OFFICE_DAYS,
                **dict.fromkeys(HOLIDAY_GROUPS, 0),
            }
        ],
        "access_rules": [
            {"id": 2, "name": "Back door", "type": 1, "priority": 0},
            {"id": 3, "name": "Front, office hours", "type": 1, "priority": 0},
        ],
        "access_rule_time_zones": [
            {"access_rule_id": 2, "time_zone_id": 1},
            {"access_rule_id": 3, "time_zone_id": 2},
        ],
        "portal_access_rules": [
            {"portal_id": 2, "access_rule_id": 2},
            {"portal_id": 1, "access_rule_id": 3},
        ],
        "group_access_rules": [
            {"group_id": 2, "access_rule_id": 2},
            {"group_id": 2, "access_rule_id": 3},
        ],
    }
