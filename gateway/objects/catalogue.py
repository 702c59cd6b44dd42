"""The objects of this device, in the order in which the vendor lists them."""

from __future__ import annotations

from gateway.objects import alarms, identification, logs, people, places, schedules
from gateway.objects.declaration import Registry

REGISTRY = Registry(
    (
        people.USERS,
        logs.CHANGE_LOGS,
        identification.CARDS,
        identification.QRCODES,
        identification.PINS,
        alarms.ALARM_ZONES,
        people.GROUPS,
        people.USER_GROUPS,
        places.ACTIONS,
        places.AREAS,
        places.PORTALS,
        places.PORTAL_ACTIONS,
        places.ACCESS_RULES,
        places.ACCESS_RULE_ACTIONS,
        places.PORTAL_ACCESS_RULES,
        places.GROUP_ACCESS_RULES,
        schedules.TIME_ZONES,
        schedules.TIME_SPANS,
        schedules.HOLIDAYS,
        alarms.ALARM_ZONE_TIME_ZONES,
        places.ACCESS_RULE_TIME_ZONES,
        logs.ACCESS_LOGS,
        logs.ACCESS_LOG_ACCESS_RULES,
        logs.ALARM_LOGS,
        places.DEVICES,
        places.USER_ACCESS_RULES,
        places.AREA_ACCESS_RULES,
        logs.ACCESS_EVENTS,
        identification.SCRIPTS,
        identification.SCRIPT_PARAMETERS,
        identification.SCRIPT_INSTANCES,
        identification.PORTAL_SCRIPT_PARAMETERS,
    )
)
