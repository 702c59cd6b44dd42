"""What people call the fields of each form, and the members of the commands that it leads to.

A refusal names them; see `gateway.web.refusals`. Forms of settings and of rows have theirs in the
declarations.
"""

from __future__ import annotations

from gateway.web.languages import noted
from gateway.web.weeks import DAY_WORDS

_GROUPS = dict.fromkeys(("groups", "group_id", "group"), noted("Groups"))
_MODE_TERMS = {
    "reason": noted("Reason"),
    "minutes": noted("Ends by itself after (minutes)"),
}
_PASSWORDS = {
    "password": noted("New password"),
    "again": noted("The new password again"),
}
_VALIDITY = {
    "begin_time": noted("Valid from"),
    "end_time": noted("Valid until"),
}

CLOCK = {"at": noted("Date and time at the device"), "year": noted("Date and time at the device")}
TIME_SERVERS = {
    "enabled": noted("Follow time servers"),
    "server1": noted("Time server"),
    "server2": noted("Second time server"),
}
LOGIN = {"login": noted("Name of the login"), "role": noted("Role"), **_PASSWORDS}
TOKEN = {"name": noted("Name of the program")}
NETWORK = {
    "addressing": noted("Address"),
    "ip": noted("Address"),
    "netmask": noted("Netmask"),
    "gateway": noted("Router"),
    "dns_primary": noted("Name server"),
    "dns_secondary": noted("Second name server"),
    "device_hostname": noted("Host name"),
    "web_server_port": noted("Port"),
    "ssl_enabled": noted("Encrypted (HTTPS)"),
}
RESET = {"name": noted("Factory reset")}
BACKUP = {"passphrase": noted("Passphrase, or nothing"), "again": noted("Once more")}

DOOR_MODE = {"mode": noted("Exception"), **_MODE_TERMS}
THREAT_LEVEL = {"level": noted("Level"), **_MODE_TERMS}
THREAT_LEVEL_ROW = {
    "level": noted("Level"),
    "name": noted("Name"),
    "listed_groups_only": noted("Only these groups pass"),
    "stops_unlock_schedules": noted("Unlock schedules stop"),
    "stops_first_cards": noted("First-card unlocks stop"),
    "factor_mode": noted("Everyone must show"),
    **_GROUPS,
}
EMPTY_AREA = {"reason": noted("Reason"), "area_id": noted("Area")}
AREA_LIMITS = {
    "area_id": noted("Area"),
    "maximum": noted("At most so many people"),
    "minimum": noted("At least so many people, or nobody"),
    "empty_at": noted("Counts as empty every day at"),
    "outside": noted("This area is outside of the site"),
}
ESCORT = {
    "name": noted("Name"),
    "portal_id": noted("Portal"),
    "visitor_group_id": noted("Visitors"),
    "host_group_id": noted("Hosts"),
    "within_s": noted("Seconds between their cards, at most"),
}

RULE = {
    "name": noted("Name"),
    "type": noted("What it does"),
    **dict.fromkeys(("groups", "group_id"), noted("For these groups")),
    **dict.fromkeys(("portals", "portal_id"), noted("At these portals")),
    **dict.fromkeys(("time_zones", "time_zone_id"), noted("During these schedules")),
}
SCHEDULE = {"name": noted("Name"), **dict.fromkeys(("week", "spans", "days"), noted("Week"))}
HOLIDAY = {
    "name": noted("Name"),
    **dict.fromkeys(("from", "start"), noted("From")),
    **dict.fromkeys(("to", "end"), noted("To")),
    "group": noted("Counts as"),
    "repeats": noted("every year"),
}
GROUP = {"name": noted("New group")}
FACTOR_MODE = {
    "portal_id": noted("Portal"),
    "time_zone_id": noted("Schedule"),
    "mode": noted("Asks for"),
}
GESTURE = {
    "portal_id": noted("Portal"),
    "gesture": noted("Gesture"),
    "zone_set_id": noted("Set of alarm zones"),
    "keys": noted("Keys, before #"),
    "exit_delay_s": noted("Seconds to leave before arming"),
    **dict.fromkeys(("groups", "group_id"), noted("For these groups")),
}
ZONE_SET = {
    "name": noted("Name"),
    **dict.fromkeys(("zones", "alarm_zone_id"), noted("Alarm zones")),
    "open_zones": noted("If a zone is open when it is armed"),
}
CHIME = {"zones": noted("Alarm zones"), "chime": noted("Alarm zones")}
TRIGGER = {
    "name": noted("Name"),
    "enabled": noted("Switched on"),
    "event": noted("Event"),
    "door_id": noted("Door"),
    "reader": noted("Reader"),
    "cause": noted("Kind of alarm"),
    "group_id": noted("Group"),
    "user_id": noted("Person, by number"),
    "time_zone_id": noted("During this schedule"),
    "start": noted("Time"),
    **DAY_WORDS,
    "delay_ms": noted("Wait, in seconds"),
    "cancel_event": noted("Unless this comes first"),
    "action": noted("Action"),
    "output": noted("Output"),
    "target_door_id": noted("Door of the action"),
    "alarm_zone": noted("Alarm zone"),
    "duration_ms": noted("For so long, in seconds"),
    "message": noted("Message"),
    "destination": noted("The message goes to the log and to"),
}

PERSON = {
    "name": noted("Name"),
    "registration": noted("Registration"),
    **_VALIDITY,
    "extended_times": noted("Needs more time at doors"),
    **_GROUPS,
    **dict.fromkeys(("rule", "access_rule_id"), noted("Personal rules")),
    **dict.fromkeys(("group-until", "rule-until"), noted("until (empty: no end)")),
    **dict.fromkeys(("card", "value"), noted("Card")),
}
CREDENTIAL = {
    "value": noted("Card or PIN"),
    **dict.fromkeys(
        ("duress", "panic", "pin_type"), noted("Duress: opens and raises a silent alarm")
    ),
}
CREDENTIAL_TERMS = {
    "status": noted("Status"),
    **_VALIDITY,
    "uses": noted("Entries in all, empty for any number"),
}
ENROLMENT = {
    "reader": noted("Reader"),
    **dict.fromkeys(("kind", "type"), noted("Kind")),
    **dict.fromkeys(("duress", "panic_finger"), noted("Duress: opens and raises a silent alarm")),
}
CURE = {"until": noted("Valid until"), "group": noted("Group")}
