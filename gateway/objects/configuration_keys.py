"""Every documented configuration key (Control iD Access API, section 4) and its default.

Live keys are typed, bounded and told in words, which the manual, the description of the API and the
page show. The others are texts that are stored and returned unchanged: what a device would refuse
is not known. The modules onvif, camera_overlay and pjsip are unknown on purpose, since clients
assume a camera as soon as one of their keys answers.
"""

from __future__ import annotations

from gateway.objects.alarm_keys import ALARM_KEYS
from gateway.objects.configuration import (
    Catalogue,
    ConfigurationKey,
    Kind,
    SettingGroup,
    acts_on,
    choice,
    flag,
    number,
)
from gateway.objects.reader_keys import READER_KEYS
from gateway.objects.server_keys import SERVER_KEYS
from gateway.objects.stored_keys import STORED_KEYS

DOORS = range(1, 5)
MODES = {"none": "Normal", "emergency": "Emergency, unlocked", "lock_down": "Lock-down"}
_CATRA_OPERATION_MODES = {
    "": "Both sides need a release",
    "blocked": "Both sides need a release (blocked)",
    "entrance_open": "Entrance free",
    "exit_open": "Exit free",
    "both_open": "Both sides free",
    "exit_locked": "Exit locked",
    "entrance_locked": "Entrance locked",
}
_LEVELS = {"1": "High (1)", "0": "Low (0)"}
_MODE_DANGER = "An emergency unlocks for everybody, a lock-down refuses every card."

RELAY_TIMEOUT_MAX_MS = 600_000


def _door_keys(door: int) -> tuple[ConfigurationKey, ...]:
    """The keys of one door; its inputs are off until the site has them.

    A contact's idle level is 1: pulled up and open. `init` writes what the site file says.
    """
    return (
        *acts_on(
            SettingGroup.DOORS,
            "Lock",
            flag(
                "general",
                f"relay{door}_enabled",
                "1",
                "Lock in use",
                "Off: only an emergency or a fire unlocks this door.",
                danger="Without its lock, no card, button or command opens the door.",
            ),
            number(
                "general",
                f"relay{door}_timeout",
                "3000",
                (100, RELAY_TIMEOUT_MAX_MS),
                "Open time",
                "How long the lock stays released for one passage.",
                "ms",
            ),
            flag(
                "general",
                f"relay{door}_auto_close",
                "1",
                "Lock as soon as the door opens",
                "Off: the lock stays released for the whole open time. Needs a door sensor.",
            ),
            door=door,
        ),
        *acts_on(
            SettingGroup.DOORS,
            "Door sensor",
            flag(
                "general",
                f"door_sensor{door}_enabled",
                "0",
                "Door sensor in use",
                "The alarms of a forced door and of a door held open need it.",
            ),
            flag(
                "general",
                f"door_sensor{door}_idle",
                "1",
                "Door sensor at rest",
                "Level of the input while the door is closed.",
                words=_LEVELS,
            ),
            door=door,
        ),
        *acts_on(
            SettingGroup.DOORS,
            "Exit button",
            flag(
                "general",
                f"buttonhole{door}_enabled",
                "0",
                "Exit button in use",
                "A press opens the door from inside.",
                danger="A door without its exit button may keep people in.",
            ),
            flag(
                "general",
                f"buttonhole{door}_idle",
                "1",
                "Exit button at rest",
                "Level of the input while nobody presses.",
                danger="With the wrong level, the button opens the door when it is not pressed.",
                words=_LEVELS,
            ),
            door=door,
        ),
        *acts_on(
            SettingGroup.DOORS,
            "Mode of the door",
            choice(
                "general",
                f"door{door}_exception_mode",
                "none",
                MODES,
                "Mode of this door",
                "The page of doors sets it too, with a reason and an end.",
                danger=_MODE_DANGER,
            ),
            door=door,
        ),
        *acts_on(
            SettingGroup.DOORS,
            "Interlock",
            ConfigurationKey(
                "general",
                f"door{door}_interlock",
                kind=Kind.DOORS,
                label="Doors that must be closed",
                help="This door opens only while all of them are closed.",
            ),
            door=door,
        ),
    )


_LIVE = (
    *(key for door in DOORS for key in _door_keys(door)),
    *acts_on(
        SettingGroup.DOORS,
        "All doors",
        choice(
            "general",
            "exception_mode",
            "none",
            MODES,
            "Mode of all doors",
            "The page of doors sets it too, with a reason and an end.",
            danger=_MODE_DANGER,
        ),
    ),
    *acts_on(
        SettingGroup.TURNSTILE,
        "Turnstile",
        number(
            "general",
            "catra_timeout",
            "3000",
            (0, RELAY_TIMEOUT_MAX_MS),
            "Time to go through",
            "The arm locks again after that.",
            "ms",
        ),
        choice(
            "catra",
            "gateway",
            "clockwise",
            {"clockwise": "Clockwise", "anticlockwise": "Anticlockwise"},
            "Direction of the entrance",
            "As seen from above.",
        ),
        choice(
            "catra",
            "operation_mode",
            "",
            _CATRA_OPERATION_MODES,
            "Free and locked sides",
            "A free side needs no identification, a locked one refuses everybody.",
            danger="A free side lets everybody in; a locked exit keeps people in.",
        ),
    ),
    *acts_on(
        SettingGroup.DEVICE,
        "Reboot",
        flag(
            "general",
            "url_reboot_enabled",
            "0",
            "Reboot by address, without a login",
            "GET /reboot restarts the device.",
            danger="Whoever reaches the device over the network can then restart it.",
        ),
    ),
    *acts_on(
        SettingGroup.PEOPLE,
        "Photos",
        flag(
            "general",
            "keep_user_image",
            "1",
            "Keep photos of people",
            "Off: new photos are checked and then discarded, with the former one.",
        ),
    ),
    *acts_on(
        SettingGroup.PEOPLE,
        "Expired people",
        choice(
            "general",
            "clear_expired_users",
            "disable",
            {
                "disable": "Nobody's",
                "none": "Nobody's (none)",
                "visitors": "Those of visitors",
                "all": "Those of everybody",
            },
            "Delete credentials of expired people",
            "Once a day: cards, codes, PINs, password and photo. The person stays.",
            danger="What is deleted cannot be brought back.",
        ),
        number(
            "general",
            "auto_reboot_hour",
            "0",
            (0, 23),
            "Daily hour",
            "The deletion comes 16 minutes after this hour and minute.",
            "h",
        ),
        number(
            "general",
            "auto_reboot_minute",
            "0",
            (0, 59),
            "Daily minute",
            "The deletion comes 16 minutes after this hour and minute.",
            "min",
        ),
    ),
    # Ours. The default is the version of the documents that this device follows.
    *acts_on(
        SettingGroup.DEVICE,
        "Version",
        ConfigurationKey(
            "general",
            "reported_version",
            "6.11.2",
            Kind.VERSION,
            label="Version told to clients",
            help="Clients compare it before they use features of a version.",
        ),
    ),
    *acts_on(
        SettingGroup.DEVICE,
        "Clock",
        choice(
            "ntp",
            "timezone",
            "",
            {
                "": "As the site file says",
                **{f"UTC{hours:+d}": f"UTC{hours:+d}" for hours in range(-12, 13)},
            },
            "Time zone",
            "A fixed offset without daylight saving time: UTC-3 is three hours behind.",
            danger="Schedules and the validity of people follow the new time at once.",
        ),
        # Takes effect on the machine; on a simulated board it is only stored.
        flag(
            "ntp",
            "enabled",
            "0",
            "Clock follows time servers",
            "The machine sets its clock from the network.",
        ),
    ),
)

CONFIGURATION = Catalogue(
    (
        *_LIVE,
        *READER_KEYS,
        *ALARM_KEYS,
        *SERVER_KEYS,
        *STORED_KEYS,
        ConfigurationKey("mifare", "authentication_key", "////////", secret=True),
        ConfigurationKey("general", "relay_count", derived=True),
    ),
    aliases={
        # The vendor's text counts doors from 0 in this one key, clients count from 1. Only the name
        # that is unambiguous is an alias.
        ("general", "relay0_auto_close"): ("general", "relay1_auto_close"),
        # Devices with one output leave its number out.
        ("w_out", "size"): ("w_out0", "size"),
        ("w_out", "data"): ("w_out0", "data"),
    },
)
