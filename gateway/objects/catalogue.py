"""The objects of this device: the vendor's list in its order, then what only its devices show.

Not among them are the tables of API logins and their rights (accounts are no objects here), the
tables of custom values, whose columns come and go at run time, and `special_columns`, which
exists to give `COUNT(*)` a name.

A number that decides something at a door is a `Choice` or has bounds: a value that nobody knows
must not pass for one that somebody meant. A number that is only stored and given back takes any
value, since devices in the field send more than is documented.
"""

from __future__ import annotations

from gateway.objects import (
    alarms,
    biometrics,
    equipment,
    identification,
    intercom,
    logs,
    modes,
    passback,
    people,
    places,
    portal_rules,
    reports,
    schedules,
    scripts,
    visitors,
)
from gateway.objects.declaration import Registry

REGISTRY = Registry(
    (
        people.USERS,
        logs.CHANGE_LOGS,
        biometrics.TEMPLATES,
        identification.CARDS,
        identification.QRCODES,
        identification.UHF_TAGS,
        identification.PINS,
        alarms.ALARM_ZONES,
        people.USER_ROLES,
        people.GROUPS,
        people.USER_GROUPS,
        portal_rules.SCHEDULED_UNLOCKS,
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
        identification.CONTINGENCY_CARDS,
        identification.CONTINGENCY_CARD_ACCESS_RULES,
        schedules.HOLIDAYS,
        alarms.ALARM_ZONE_TIME_ZONES,
        places.ACCESS_RULE_TIME_ZONES,
        logs.ACCESS_LOGS,
        logs.ACCESS_LOG_ACCESS_RULES,
        logs.ALARM_LOGS,
        equipment.DEVICES,
        places.USER_ACCESS_RULES,
        places.AREA_ACCESS_RULES,
        equipment.CATRA_INFOS,
        logs.LOG_TYPES,
        equipment.SEC_BOXS,
        intercom.CONTACTS,
        alarms.TIMED_ALARMS,
        logs.ACCESS_EVENTS,
        biometrics.CUSTOM_THRESHOLDS,
        equipment.NETWORK_INTERLOCKING_RULES,
        # From here on in no documented list. Their order matters to joins: of two ways of one
        # length the one over the object that comes first is taken.
        scripts.SCRIPTS,
        scripts.SCRIPT_PARAMETERS,
        scripts.SCRIPT_INSTANCES,
        scripts.PORTAL_SCRIPT_PARAMETERS,
        scripts.INTEGER_SCRIPT_PARAMETERS,
        scripts.TEXT_SCRIPT_PARAMETERS,
        scripts.IDENTIFICATION_RULES,
        scripts.DEVICE_IDENTIFICATION_RULES,
        scripts.USER_IDENTIFICATION_RULES,
        scripts.GROUP_IDENTIFICATION_RULES,
        portal_rules.SCHEDULED_UNLOCK_ACCESS_RULES,
        portal_rules.VALIDATIONS,
        portal_rules.ACCESS_RULE_VALIDATIONS,
        portal_rules.PORTAL_RULES,
        portal_rules.PORTAL_PORTAL_RULES,
        portal_rules.PORTAL_RULE_ACTIONS,
        portal_rules.PORTAL_RULE_GROUPS,
        portal_rules.PORTAL_RULE_TIME_ZONES,
        portal_rules.PORTAL_RULE_USERS,
        portal_rules.PORTAL_RULE_VALIDATIONS,
        portal_rules.ACCESS_LOG_PORTAL_RULES,
        biometrics.FACE_TEMPLATES,
        places.OPENING_TIMES,
        visitors.CUSTOM_TABLES,
        visitors.CUSTOM_COLUMNS,
        visitors.USER_TYPES,
        visitors.VISITS,
        intercom.WHITELIST,
        intercom.CALL_LOGS,
        equipment.DEVICE_ACTIONS,
        equipment.DEVICE_CLIENTS,
        equipment.WIEGAND_MODES,
        logs.AUDIT_LOGS,
        reports.REPORTS,
        reports.REPORT_FILTERS,
        reports.REPORT_COLUMNS,
        reports.REPORT_COLUMN_FORMATS,
        reports.OBJECT_FIELD_REPORT_COLUMNS,
        reports.FIXED_REPORT_COLUMNS,
        reports.COUNTER_REPORT_COLUMNS,
        # Ours alone.
        passback.ANTIPASSBACK_AREAS,
        passback.ANTIPASSBACK_EXEMPTIONS,
        modes.EXCEPTION_MODES,
    )
)
