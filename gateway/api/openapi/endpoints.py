"""What cannot be read from a command's declaration: the shape of its answer, and an example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.api.openapi.fields import Schema
from gateway.api.openapi.schemas import (
    create_request,
    destroy_request,
    load_request,
    modify_request,
    ref,
    rows_answer,
)
from gateway.commands.absent import ABSENT
from gateway.commands.photo_requests import MOST_LISTED
from gateway.objects.catalogue import REGISTRY


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_YES: Schema = {"type": "boolean"}
_DONE: Schema = {"type": "object"}
_CHANGES = _object(changes=_WHOLE)
_IDS = _object(ids=_array(_WHOLE))
_CPF = {
    "column_name": "cpf",
    "name": "CPF",
    "type": "TEXT",
    "constraint": "NONE",
    "default_value": "",
    "unique": False,
}
_SPACE = _object(free=_WHOLE, total=_WHOLE)
_PROBED: Schema = {
    "type": "object",
    "properties": {"success": _YES, "time_ms": {"type": "number"}, "reason": _TEXT},
    "required": ["success"],
}


_ALARM_STATE = _object(
    zones=_array(
        _object(
            zone=_WHOLE,
            state={"type": "string", "enum": ["armed", "exit", "disarmed"]},
            watched=_YES,
            active={"type": ["boolean", "null"]},
            entering=_YES,
            alarm=_YES,
        )
    ),
    alarms=_array(
        _object(
            cause=_WHOLE,
            door_id=_WHOLE,
            part=_TEXT,
            user_id=_WHOLE,
            access_log_id=_WHOLE,
            silenced=_YES,
        )
    ),
    faults=_array(_object(part=_TEXT, name=_TEXT, why=_TEXT)),
    siren=_YES,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The rest of an endpoint's description."""

    answer: Schema | None
    """None for a command that is always refused."""
    example: object = None
    """A request that a device can carry out."""
    request: Schema | None = None
    """In the place of the request model's own schema, where that leaves the members open."""
    answered: object = None
    """The answer to `example`, where one that is made from `answer` would say too little."""


_SYSTEM = _object(
    uptime=_object(days=_WHOLE, hours=_WHOLE, minutes=_WHOLE, seconds=_WHOLE),
    time=_WHOLE,
    daylight_savings_time_active=_YES,
    memory=_object(disk=_SPACE, ram=_SPACE),
    license=_object(users=_WHOLE, device=_WHOLE, type=_WHOLE),
    biometrics=_object(max_num_records=_WHOLE, max_possible_num_records=_WHOLE),
    network=_object(
        mac=_TEXT,
        ip=_TEXT,
        netmask=_TEXT,
        gateway=_TEXT,
        primary_dns=_TEXT,
        secondary_dns=_TEXT,
        custom_hostname_enabled=_YES,
        device_hostname=_TEXT,
        web_server_port=_WHOLE,
        ssl_enabled=_YES,
        self_signed_certificate=_YES,
        dhcp_enabled=_YES,
        ten_mbps=_YES,
    ),
    auth802_1x=_object(enabled=_YES, login=_TEXT, inner_auth=_WHOLE),
    serial=_TEXT,
    version=_TEXT,
    device_id=_TEXT,
    secbox_version=_TEXT,
    iDCloud_code=_TEXT,
    online=_YES,
    online_available=_YES,
    device_name=_TEXT,
    device_two_names=_TEXT,
    gateway_version=_TEXT,
)
_NUMBERS = _array(_WHOLE)
_PHOTO_ERROR = _object(code=_WHOLE, message=_TEXT)
_PHOTO_TAKEN: Schema = {
    "type": "object",
    "properties": {
        "user_id": _WHOLE,
        "success": _YES,
        "scores": {"type": "object"},
        "errors": _array(_PHOTO_ERROR),
    },
    "required": ["success", "errors"],
}
_PHOTO_LISTED: Schema = {
    "type": "object",
    "properties": {
        "id": _WHOLE,
        "timestamp": _WHOLE,
        "image": _TEXT,
        "error": _PHOTO_ERROR,
    },
    "required": ["id"],
}
_PHOTO_SENT = {
    "type": "object",
    "properties": {"user_id": _WHOLE, "timestamp": _WHOLE, "image": _TEXT},
    "required": ["user_id", "image"],
}
_PHOTO_LIST: Schema = {
    "type": "object",
    "properties": {
        "user_ids": _NUMBERS,
        "image_info": _array(_object(user_id=_WHOLE, timestamp=_WHOLE)),
    },
}
_METADATA: Schema = {
    "type": "object",
    "additionalProperties": _object(fields={"type": "object"}, joins={"type": "object"}),
}
_OR_NULL: Schema = {"type": ["string", "null"]}
_DAY = {"kinds": _array(_TEXT), "holidays": _array(_TEXT)}
_INTERVALS = _array(_object(**{"begin": _WHOLE, "end": _WHOLE, "from": _TEXT, "to": _TEXT}))
_SPAN = _object(days=_array(_TEXT), start=_WHOLE, end=_WHOLE, holds=_YES)
_EXPLAINED_RULE = _object(
    id=_WHOLE,
    name=_TEXT,
    type={"type": ["integer", "null"]},
    person=_OR_NULL,
    groups=_array(_WHOLE),
    place=_TEXT,
    time=_TEXT,
    zones=_array(_object(id=_WHOLE, name=_OR_NULL, holds=_YES, spans=_array(_SPAN))),
    applied=_YES,
    why=_TEXT,
    changed=_YES,
    text=_TEXT,
)
_EXPLANATION = _object(
    reason=_TEXT,
    event=_WHOLE,
    user_id=_WHOLE,
    portal_id=_WHOLE,
    time=_WHOLE,
    text=_TEXT,
    day=_object(**_DAY),
    stages=_array(_object(stage=_TEXT, verdict=_TEXT, text=_TEXT)),
    rules=_array(_EXPLAINED_RULE),
    rules_left_out=_WHOLE,
    to_change=_array(_TEXT),
)
_EXPLANATION["properties"] |= {
    "access_log_id": _WHOLE,
    "opens_next": _WHOLE,
    "decided_by": {"type": ["string", "null"]},
    "facts": {"type": "object"},
}

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        "login": Endpoint(_object(session=_TEXT), {"login": "admin", "password": "secret"}),
        "logout": Endpoint(_DONE),
        "session_is_valid": Endpoint(_object(session_is_valid=_YES)),
        "change_login": Endpoint(_DONE, {"login": "admin", "password": "better secret"}),
        "user_hash_password": Endpoint(_object(password=_TEXT, salt=_TEXT), {"password": "1234"}),
        "load_objects": Endpoint(
            rows_answer(REGISTRY),
            {
                "object": "users",
                "fields": ["id", "name"],
                "where": {"users": {"name": "A%"}},
                "order": ["name", "ascending"],
                "limit": 100,
            },
            load_request(REGISTRY),
            {"users": [{"id": 2, "name": "Ana"}, {"id": 7, "name": "André"}]},
        ),
        "create_objects": Endpoint(
            _object(ids=_array(_WHOLE)),
            {"object": "users", "values": [{"name": "Eva", "registration": "50"}]},
            create_request(REGISTRY),
        ),
        "create_or_modify_objects": Endpoint(
            _object(changes=_WHOLE, ids=_array(_WHOLE)),
            {"object": "users", "values": [{"id": 50, "name": "Eva", "registration": "50"}]},
            create_request(REGISTRY),
        ),
        "modify_objects": Endpoint(
            _CHANGES,
            {"object": "users", "values": {"name": "Ana"}, "where": {"users": {"id": 50}}},
            modify_request(REGISTRY),
        ),
        "destroy_objects": Endpoint(
            _CHANGES,
            {"object": "users", "where": {"users": {"id": [50, 51]}}},
            destroy_request(REGISTRY),
        ),
        "object_metadata": Endpoint(_METADATA, {}),
        "get_configuration": Endpoint(
            ref("Configuration"),
            {"general": ["relay1_timeout", "exception_mode"]},
            ref("ConfigurationKeys"),
        ),
        "set_configuration": Endpoint(
            _DONE, {"general": {"relay1_timeout": "3000"}}, ref("ConfigurationValues")
        ),
        "execute_actions": Endpoint(
            _DONE, {"actions": [{"action": "door", "parameters": "door=1"}]}
        ),
        "doors_state": Endpoint(_object(doors=_array(_object(id=_WHOLE, open=_YES)))),
        "get_catra_info": Endpoint(
            _object(
                left_turns=_WHOLE,
                right_turns=_WHOLE,
                entrance_turns=_WHOLE,
                exit_turns=_WHOLE,
                total_turns=_WHOLE,
            )
        ),
        "turnstile_event_state": Endpoint(
            _object(event_state=_WHOLE), {"event_action": "turn_state"}
        ),
        "set_exception_mode": Endpoint(
            _DONE, {"door": 1, "mode": "lock_down", "reason": "found open", "minutes": 30}
        ),
        "get_exception_modes": Endpoint(
            _object(
                exception_modes=_array(
                    _object(
                        door=_WHOLE,
                        mode=_TEXT,
                        login=_TEXT,
                        reason=_TEXT,
                        since=_WHOLE,
                        until=_WHOLE,
                    )
                )
            )
        ),
        "alarm_status": Endpoint(
            {"type": "object", "properties": {"active": _YES, "cause": _WHOLE}}, {"stop": True}
        ),
        "alarm_arm": Endpoint(_DONE, {"zones": [1, 2], "exit_delay_s": 30}),
        "alarm_disarm": Endpoint(_DONE, {"zones": [1, 2]}),
        "alarm_state": Endpoint(_ALARM_STATE),
        "remote_user_authorization": Endpoint(
            _DONE,
            {
                "event": 7,
                "user_id": 1,
                "portal_id": 1,
                "actions": [{"action": "door", "parameters": "door=1"}],
            },
        ),
        "forgive_antipassback": Endpoint(_DONE, {"all": True}),
        "antipassback_state": Endpoint(
            _object(user_id=_WHOLE, area_id=_WHOLE, since=_WHOLE), {"user_id": 1}
        ),
        "remote_enroll": Endpoint(
            {
                "type": "object",
                "properties": {
                    "success": _YES,
                    "user_id": _WHOLE,
                    "device_id": _WHOLE,
                    "finger_type": _WHOLE,
                    "card_value": _WHOLE,
                    "qrcode_value": _TEXT,
                    "pin_value": _TEXT,
                    "password_value": _TEXT,
                },
            },
            {"type": "card", "user_id": 50, "save": False, "sync": True, "countdown": 5},
        ),
        "cancel_remote_enroll": Endpoint(_DONE),
        "enroller_state": Endpoint(
            _object(
                enroller_state=_TEXT,
                last_enroll=_YES,
                last_enroll_error=_TEXT,
                last_enroll_message=_TEXT,
                biometry_sate=_TEXT,
                biometry_state=_TEXT,
            )
        ),
        "user_get_image": Endpoint(
            _object(timestamp=_WHOLE, image=_TEXT), {"user_id": 1, "get_timestamp": True}
        ),
        "user_list_images": Endpoint(_PHOTO_LIST, {"get_timestamp": True}),
        "user_get_image_list": Endpoint(
            _object(user_images=_array(_PHOTO_LISTED)), {"user_ids": [1, 50]}
        ),
        "user_set_image": Endpoint(_PHOTO_TAKEN),
        "user_set_image_list": Endpoint(
            _object(results=_array(_PHOTO_TAKEN)),
            {
                "match": False,
                "user_images": [{"user_id": 50, "timestamp": 1700000000, "image": "/9j/4A=="}],
            },
            {
                "type": "object",
                "properties": {
                    "match": _YES,
                    "user_images": {**_array(_PHOTO_SENT), "maxItems": MOST_LISTED},
                },
                "required": ["user_images"],
            },
        ),
        "user_test_image": Endpoint(_PHOTO_TAKEN),
        "user_destroy_image": Endpoint(_DONE, {"user_ids": [50, 51]}),
        "face_template_count_distinct": Endpoint(_object(count=_WHOLE)),
        "system_information": Endpoint(_SYSTEM),
        "ssl_certificate_change": Endpoint(_DONE),
        "set_system_time": Endpoint(
            _DONE,
            {"day": 22, "month": 11, "year": 2026, "hour": 10, "minute": 30, "second": 0},
        ),
        "set_ntp_server": Endpoint(_DONE, {"server1": "a.st1.ntp.br", "server2": "b.st1.ntp.br"}),
        "get_ntp_server": Endpoint(_object(server1=_TEXT, server2=_TEXT)),
        "set_system_network": Endpoint(
            _DONE,
            {
                "ip": "192.168.0.129",
                "netmask": "255.255.255.0",
                "gateway": "192.168.0.1",
                "web_server_port": 80,
                "ssl_enabled": True,
            },
        ),
        "reboot": Endpoint(_DONE),
        "device_is_alive": Endpoint(_DONE),
        "connection_test": Endpoint(_PROBED, {"host": "127.0.0.1", "port": 80}),
        "ping_test": Endpoint(_PROBED, {"host": "127.0.0.1"}),
        "nslookup_test": Endpoint(
            {**_PROBED, "properties": {**_PROBED["properties"], "addresses": _array(_TEXT)}},
            {"host": "localhost"},
        ),
        "get_language": Endpoint(_object(language=_TEXT)),
        "init_device_set": Endpoint(_object(init_device_set=_YES)),
        "is_first_web_login": Endpoint(_object(is_first_web_login=_YES)),
        "get_countries": Endpoint(_object(countries=_array(_object(code=_TEXT, name=_TEXT)))),
        "finish_init_language": Endpoint(_DONE, {"language": "pt_BR"}),
        "init_language_set": Endpoint(_DONE, {"language": "pt_BR"}),
        "accept_legal_terms": Endpoint(_DONE),
        "get_ac_log": Endpoint(_TEXT),
        "set_network_interlock": Endpoint(
            _DONE,
            {
                "interlock_enabled": False,
                "api_bypass_enabled": False,
                "rex_bypass_enabled": True,
            },
        ),
        "report_generate": Endpoint(
            _TEXT,
            {
                "object": "users",
                "order": ["id"],
                "delimiter": ";",
                "header": "Number;Name",
                "columns": [
                    {"type": "object_field", "field": "id"},
                    {"type": "object_field", "field": "name"},
                ],
            },
        ),
        "export_object": Endpoint(_TEXT, {"object": "users", "columns": ["id", "name"]}),
        "export_objects": Endpoint(_TEXT, {"objects": [{"object": "users"}, {"object": "cards"}]}),
        "import_objects": Endpoint(
            {
                "type": "object",
                "required": ["objects", "dry_run"],
                "properties": {
                    "objects": {
                        "type": "object",
                        "additionalProperties": _object(written=_WHOLE, skipped=_WHOLE),
                    },
                    "dry_run": _YES,
                    "notes": _array(_TEXT),
                    "rows": _array(_object(object=_TEXT, row=_WHOLE, action=_TEXT)),
                    "more": _WHOLE,
                },
            },
            {"object": "users", "data": "name,registration\r\nEva,50\r\n", "dry_run": True},
        ),
        "object_add": Endpoint(
            _IDS,
            {
                "object": "_Contractors72250",
                "name": "Contractors",
                "fields": [
                    {"column_name": "id", "type": "INTEGER", "constraint": "PRIMARY_KEY"},
                    {
                        "column_name": "user_id",
                        "type": "INTEGER",
                        "constraint": "FOREIGN_KEY",
                        "foreign_key": {"object": "users", "field": "id"},
                    },
                ],
            },
        ),
        "object_remove": Endpoint(_IDS, {"object": "_Contractors72250"}),
        "object_add_field": Endpoint(_IDS, {"object": "c_users", **_CPF}),
        "object_add_fields": Endpoint(
            _IDS, {"object": "c_users", "fields": [{**_CPF, "column_name": "rg", "name": "RG"}]}
        ),
        "object_remove_fields": Endpoint(_IDS, {"object": "c_users", "column_name": "cpf"}),
        "explain": Endpoint(_EXPLANATION, {"user_id": 1, "portal_id": 1, "time": 1_795_419_000}),
        "who_can_open": Endpoint(
            _object(people=_array(_object(user_id=_WHOLE, name=_TEXT, now=_YES))),
            {"portal_id": 1, "limit": 100},
        ),
        "when_can": Endpoint(
            _object(
                user_id=_WHOLE,
                name=_TEXT,
                days=_array(_object(date=_TEXT, **_DAY)),
                portals=_array(
                    _object(portal_id=_WHOLE, name=_TEXT, passes=_INTERVALS, unlocked=_INTERVALS)
                ),
            ),
            {"user_id": 1},
        ),
        "export_audit_logs": Endpoint(_TEXT, {"config": True}),
        "backup_objects": Endpoint({}),
        "restore_objects": Endpoint(_object(device_id=_WHOLE, version=_TEXT, created=_TEXT)),
        "reset_to_factory_default": Endpoint(_DONE, {"keep_network_info": True}),
        "delete_admins": Endpoint(_DONE),
        "create_token": Endpoint(_object(token=_TEXT), {"name": "turnstile"}),
        "list_tokens": Endpoint(
            _object(tokens=_array(_object(name=_TEXT, created=_TEXT))),
        ),
        "revoke_token": Endpoint(_DONE, {"name": "turnstile"}),
        "create_login": Endpoint(
            _DONE, {"login": "reception", "password": "secret", "role": "operator"}
        ),
        "list_logins": Endpoint(_object(logins=_array(_object(login=_TEXT, role=_TEXT)))),
        "modify_login": Endpoint(_DONE, {"login": "reception", "role": "administrator"}),
        "delete_login": Endpoint(_DONE, {"login": "reception"}),
        "gpio_state": Endpoint(
            _object(
                pin=_TEXT,
                enabled=_WHOLE,
                value=_WHOLE,
                idle=_WHOLE,
                **{"in": _WHOLE},
                pullup=_WHOLE,
                notify=_WHOLE,
                notified=_WHOLE,
            ),
            {"gpio": 11},
        ),
        "buzzer_buzz": Endpoint(_DONE, {"frequency": 4000, "duty_cycle": 50, "timeout": 250}),
        "secbox_is_active": Endpoint(_object(isActive=_YES)),
        "has_audio_access_messages": Endpoint(
            _object(not_identified=_YES, authorized=_YES, not_authorized=_YES, use_mask=_YES)
        ),
        "has_pjsip_audio_message": Endpoint(_object(file_exists=_YES)),
        "get_sip_status": Endpoint(_object(status=_WHOLE, in_call=_YES)),
        "has_vpn_file": Endpoint(_object(has_file=_YES)),
        "get_vpn_status": Endpoint(_object(status=_WHOLE)),
        "template_sync_init": Endpoint(_DONE),
        "template_sync_end": Endpoint(_DONE),
        **dict.fromkeys(ABSENT, Endpoint(None)),
    }
)
"""By the command's name."""
