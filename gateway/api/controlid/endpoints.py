"""How each command is called over HTTP (Control iD Access API)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.commands.absent import ABSENT
from gateway.commands.command import Command
from gateway.commands.photo_files import JPEG, PNG
from gateway.commands.table import COMMANDS

JSON = "application/json"
OCTETS = "application/octet-stream"
ZIP = "application/zip"
PCAP = "application/vnd.tcpdump.pcap"
TEXT, CSV = "text/plain", "text/csv"

POST = frozenset({"POST"})
GET_OR_POST = frozenset({"GET", "POST"})
"""Clients use either (Access API, transport)."""
POST_OR_PUT = frozenset({"POST", "PUT"})
"""Clients send files with either."""
LONGEST_SITE = 128 * 1024
"""Bytes of a request with a site file, whose text JSON lengthens."""
LONGEST_IMPORT = 16 * 1024 * 1024
"""Bytes of an import: some 200,000 people."""


@dataclass(frozen=True, slots=True)
class Http:
    """The HTTP form of a command's request and answer."""

    methods: frozenset[str] = POST
    aliases: tuple[str, ...] = ()
    bare: bool = False
    """Also has a path without the ending `.fcgi`."""
    form: bool = False
    """Also accepts its members as a form."""
    query: bool = False
    """Also accepts its members in the query, as text. Those of the body take precedence."""
    raw: bool = False
    """The body is a file, which the request model gets as `body`; members come in the query."""
    upload: bool = False
    """With `raw`: a file of any size; `body` is a stream."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header -> the member that it holds, percent-encoded: addresses are no place for secrets."""
    text_member: str = ""
    """The member that holds a body without JSON, such as a CSV file; the other members then come
    in the query."""
    longest_body: int | None = None
    """Bytes; set where the vendor's request buffer is too small."""
    answers: str = JSON
    """Media type of the answer."""
    other_answers: tuple[str, ...] = ()
    """Other media types that the answer may have."""


_USUAL = Http()
_FILE = Http(raw=True)
_QUESTIONS = """
    secbox_is_active has_audio_access_messages has_pjsip_audio_message get_sip_status
    has_vpn_file get_vpn_status get_ntp_server get_language init_device_set is_first_web_login
    get_countries logout session_is_valid get_exception_modes get_threat_level
    system_information get_catra_info
    get_osdp_installation_mode
"""
"""Documented with GET, or without effects, so that a browser may send them."""
_ABSENT_QUESTIONS = """
    logo get_audio_access_message get_pjsip_audio_message
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
        "upload_update": Http(raw=True, upload=True),
        **dict.fromkeys(
            ("preview_restore", "restore_objects"),
            Http(raw=True, upload=True, query=True, headers={"Backup-Passphrase": "passphrase"}),
        ),
        "backup_objects": Http(answers=OCTETS),
        "diagnostics": Http(answers=ZIP),
        "osdp_packets_file": Http(answers=PCAP),
        "import_objects": Http(query=True, text_member="data", longest_body=LONGEST_IMPORT),
        **dict.fromkeys(
            ("check_site_file", "apply_site_file", "save_setup"), Http(longest_body=LONGEST_SITE)
        ),
        "export_object": Http(answers=CSV),
        "export_objects": Http(answers=CSV),
        "export_audit_logs": Http(answers=TEXT),
        "report_generate": Http(answers=TEXT),
        "get_ac_log": Http(methods=GET_OR_POST, answers=TEXT),
    }
)
"""Command name -> form; all others have the usual one."""


def http_of(command: Command) -> Http:
    """The HTTP form of `command`."""
    return _HTTP.get(command.name, _USUAL)


PATHS: Mapping[str, Command] = MappingProxyType(
    {
        name: command
        for command in COMMANDS.values()
        for name in (command.name, *http_of(command).aliases)
    }
)
"""The part of a path before `.fcgi` -> command."""
