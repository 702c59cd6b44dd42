"""How each command is called over HTTP (Control iD Access API)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.commands.absent import ABSENT
from gateway.commands.command import Command
from gateway.commands.photo_files import JPEG, PNG
from gateway.commands.table import COMMANDS

JSON = "application/json"
OCTETS = "application/octet-stream"
TEXT, CSV = "text/plain", "text/csv"

POST = frozenset({"POST"})
GET_OR_POST = frozenset({"GET", "POST"})
"""Clients use either (Access API, transport)."""
POST_OR_PUT = frozenset({"POST", "PUT"})
"""Files are seen to come either way."""
LONGEST_IMPORT = 16 * 1024 * 1024
"""Bytes of an import: some 200,000 people."""


@dataclass(frozen=True, slots=True)
class Http:
    """What a request for a command and its answer look like."""

    methods: frozenset[str] = POST
    aliases: tuple[str, ...] = ()
    bare: bool = False
    """Has a path without the ending `.fcgi`, too."""
    form: bool = False
    """Takes its members as a form too."""
    query: bool = False
    """Takes its members from the query too; there they are text. The body's go before."""
    raw: bool = False
    """Takes a file and no members but the query's: the request model gets its bytes as `body`."""
    upload: bool = False
    """With `raw`, of any size: `body` is a stream, read as it comes."""
    text_member: str = ""
    """The member that a body is which holds no JSON, such as a CSV file; the others come in the
    query then."""
    longest_body: int | None = None
    """Bytes of the members, where the vendor's request buffer is too small."""
    answers: str = JSON
    """Media type of the answer."""
    other_answers: tuple[str, ...] = ()
    """Media types that it may have instead."""


_USUAL = Http()
_FILE = Http(raw=True)
_QUESTIONS = """
    secbox_is_active has_audio_access_messages has_pjsip_audio_message get_sip_status
    has_vpn_file get_vpn_status get_ntp_server get_language init_device_set is_first_web_login
    get_countries logout session_is_valid get_exception_modes system_information get_catra_info
"""
"""Documented with GET, or a browser may ask them."""
_ABSENT_QUESTIONS = """
    logo get_audio_access_message get_pjsip_audio_message get_osdp_installation_mode
    change_idcloud_code get_802_1X_status get_vpn_information get_vpn_file get_vpn_ip
"""
_HTTP: Mapping[str, Http] = MappingProxyType(
    {
        **dict.fromkeys(_QUESTIONS.split(), Http(methods=GET_OR_POST)),
        **dict.fromkeys(ABSENT, _FILE),
        **dict.fromkeys(_ABSENT_QUESTIONS.split(), Http(methods=GET_OR_POST, raw=True)),
        "login": Http(aliases=("hidlogin",), form=True),
        "create_or_modify_objects": Http(aliases=("create_or_update_objects",)),
        "object_remove_fields": Http(aliases=("object_remove_field",)),
        "execute_actions": Http(bare=True),  # one of the vendor's samples calls it so
        "explain": Http(bare=True),
        "doors_state": Http(aliases=("door_state",)),
        "enroller_state": Http(methods=GET_OR_POST, aliases=("enroller_biometry_state",)),
        "user_get_image": Http(methods=GET_OR_POST, query=True, other_answers=(JPEG, PNG)),
        "user_list_images": Http(methods=GET_OR_POST, query=True),
        "user_set_image": Http(methods=POST_OR_PUT, raw=True, query=True),
        "user_test_image": Http(methods=POST_OR_PUT, raw=True),
        "ssl_certificate_change": _FILE,
        "restore_objects": Http(raw=True, upload=True),
        "backup_objects": Http(answers=OCTETS),
        "import_objects": Http(query=True, text_member="data", longest_body=LONGEST_IMPORT),
        "export_object": Http(answers=CSV),
        "export_objects": Http(answers=CSV),
        "export_audit_logs": Http(answers=TEXT),
        "report_generate": Http(answers=TEXT),
        "get_ac_log": Http(methods=GET_OR_POST, answers=TEXT),
    }
)
"""By the command's name; the others are as usual."""


def http_of(command: Command) -> Http:
    """How `command` is called."""
    return _HTTP.get(command.name, _USUAL)


PATHS: Mapping[str, Command] = MappingProxyType(
    {
        name: command
        for command in COMMANDS.values()
        for name in (command.name, *http_of(command).aliases)
    }
)
"""What stands before `.fcgi` in a path -> command."""
