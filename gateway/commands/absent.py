"""Commands for parts that this device lacks, which are refused, and questions about such parts.

Clients written for other models send them. A success would let a client believe that a person saw
the message, heard the bell or was called. The refusal is 400, an error of the client, since clients
repeat a request that is answered with 5xx. The body is read, up to the usual limit, and ignored:
pictures and sounds are sent as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic import create_model
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Answer, Done
from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.errors import ControllerUnavailable, DeviceUnavailable, NotSupportedHere

Run = Callable[[Call[Any]], Answer]

SCREEN = "screen"
CAMERA = "camera"
LEDS = "light that can be set"
SPEAKER = "loudspeaker"
FINGERPRINT = "fingerprint sensor or matching"
TELEPHONE = "telephone (SIP)"
OSDP = "key of an OSDP reader to show or to take: set_osdp_installation_mode gives a reader its own"
LICENCE = "licence to change"
UPDATE = "firmware update over the API"
SEC_BOX = "SecBox"
CLOUD = "link to a vendor's cloud"
ATTENDANCE = "attendance register"
RECOVERY = "recovery system to start"
PORT_LOGIN = "login to a network port (802.1X)"
VPN = "VPN"
MENU = "menu, and so no password for one"

ABSENT: Mapping[str, str] = MappingProxyType(
    {
        "message_to_screen": SCREEN,
        "logo": SCREEN,
        "logo_change": SCREEN,
        "logo_destroy": SCREEN,
        "send_video": SCREEN,
        "set_custom_video": SCREEN,
        "remove_custom_video": SCREEN,
        "save_screenshot": CAMERA,
        "remote_led_control": LEDS,
        "led_rgb_refresh": LEDS,
        "reread_leds_settings": LEDS,
        "set_audio_access_message": SPEAKER,
        "get_audio_access_message": SPEAKER,
        "set_pjsip_audio_message": TELEPHONE,
        "get_pjsip_audio_message": TELEPHONE,
        "make_sip_call": TELEPHONE,
        "finalize_sip_call": TELEPHONE,
        "template_extract": FINGERPRINT,
        "template_match": FINGERPRINT,
        "template_create": FINGERPRINT,
        "is_valid_biometry": FINGERPRINT,
        "user_fingerprint": FINGERPRINT,
        "osdp_scbk": OSDP,
        "idflex_upgrade_enterprise": LICENCE,
        "upgrade_ten_thousand_face_templates": LICENCE,
        "upgrade_fifty_thousand_face_templates": LICENCE,
        "upgrade_hundred_thousand_face_templates": LICENCE,
        "license_change": LICENCE,
        "update_from_custom_server": UPDATE,
        "secbox_serial_number": SEC_BOX,
        "update_secbox_firmware": SEC_BOX,
        "update_secbox_firmware_status": SEC_BOX,
        "update_secbox_firmware_version": SEC_BOX,
        "change_idcloud_code": CLOUD,
        "export_afd": ATTENDANCE,
        "count_registers": ATTENDANCE,
        "reboot_recovery": RECOVERY,
        "configure_802_1X": PORT_LOGIN,
        "get_802_1X_status": PORT_LOGIN,
        "get_vpn_information": VPN,
        "set_vpn_information": VPN,
        "set_vpn_file": VPN,
        "get_vpn_file": VPN,
        "get_vpn_ip": VPN,
        "master_password": MENU,
    }
)
"""From a command to the part that it needs."""

FIXED: Mapping[str, tuple[str, Mapping[str, bool | int], str]] = MappingProxyType(
    {
        "has_audio_access_messages": (
            "AudioMessages",
            dict.fromkeys(("not_identified", "authorized", "not_authorized", "use_mask"), False),
            "Which spoken messages are stored: none, since there is no loudspeaker.",
        ),
        "has_pjsip_audio_message": (
            "FileExists",
            {"file_exists": False},
            "Whether a ringing tone is stored: no, since there is no telephone.",
        ),
        "get_sip_status": (
            "SipStatus",
            {"status": -1, "in_call": False},
            "The state of the telephone: -1, off.",
        ),
        "has_vpn_file": (
            "HasFile",
            {"has_file": False},
            "Whether a VPN configuration is stored: no, since there is no VPN.",
        ),
        "get_vpn_status": ("VpnStatus", {"status": 8}, "The state of the VPN: 8, disabled."),
    }
)
"""From a question to the name of its answer model, its constant answer, and the description."""


class AnyBody(RequestModel):
    """Any body, which is ignored."""

    body: bytes


class SecBoxActive(TypedDict):
    """Answer to `secbox_is_active`."""

    isActive: bool


def _refusal(name: str, missing: str) -> Run:
    def run(_: Call[RequestModel]) -> NoReturn:
        raise NotSupportedHere(f"{name}: this device has no {missing}")

    run.__name__ = name
    run.__doc__ = f"Refused: this device has no {missing}."
    return run


def _fixed(name: str, model: str, answer: Mapping[str, bool | int], text: str) -> Run:
    def run(_: Call[NoMembers]) -> Mapping[str, object]:
        return answer

    fields: dict[str, Any] = {member: (type(value), ...) for member, value in answer.items()}
    run.__annotations__["return"] = create_model(model, __doc__=f"Answer to `{name}`.", **fields)
    run.__name__ = name
    run.__doc__ = text
    return run


def secbox_is_active(call: Call[NoMembers]) -> SecBoxActive:
    """Whether a SecBox is fitted and online."""
    boxes = {box.name for box in call.context.site.sec_box}
    devices = call.context.controller.status().devices
    return {"isActive": any(device.online for device in devices if device.name in boxes)}


def template_sync(_: Call[NoMembers]) -> Done:
    """Begin or end a bulk load of templates. Without effect here: every answered write is complete
    and in force."""
    return DONE


COMMANDS = (
    *(
        Command(_refusal(name, missing), errors=(NotSupportedHere,))
        for name, missing in ABSENT.items()
    ),
    Command(secbox_is_active, errors=(ControllerUnavailable, DeviceUnavailable)),
    *(Command(_fixed(name, *declared)) for name, declared in FIXED.items()),
    Command(template_sync, name="template_sync_init"),
    Command(template_sync, name="template_sync_end"),
)
