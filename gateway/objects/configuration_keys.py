"""Every documented configuration key (Control iD Access API, section 4) and its default.

Live keys are typed and bounded. The others are texts that are stored and returned unchanged: what a
device would refuse is not known. The modules onvif, camera_overlay and pjsip are unknown on
purpose, since clients assume a camera as soon as one of their keys answers.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.objects.configuration import Catalogue, ConfigurationKey, Kind

DOORS = range(1, 5)
WIEGAND_INPUTS = range(16)
"""N of `w_inN`, for the reader with index N + 1; the vendor has 0 to 3."""
CARD_READERS = range(4)
"""N of `card_readerN`, the vendor's other name for the same."""
MODES = ("none", "emergency", "lock_down")
CATRA_OPERATION_MODES = (
    "blocked",
    "entrance_open",
    "exit_open",
    "both_open",
    "exit_locked",
    "entrance_locked",
)

# The vendor gives no unit for `forced_access_debounce`; milliseconds are assumed (unverified).
# Change the unit here and in `gateway/doors/door_settings.py`.
FORCED_ACCESS_DEBOUNCE_MAX_MS = 60_000

# The vendor gives neither unit nor default of `timed_alarm_timeout`; seconds are assumed
# (unverified). Change the unit here and in `gateway/alarms/alarm_settings.py`.
TIMED_ALARM_MAX_S = 3_600

RELAY_TIMEOUT_MAX_MS = 600_000
DOOR_SENSOR_DELAY_MAX_S = 86_400
PANIC_DELAY_MAX_S = 86_400
MONITOR_TIMEOUT_MAX_MS = 60_000
ONLINE_TIMEOUT_MAX_MS = 5_000
ONLINE_MOST_ATTEMPTS = 100
SERVER_TIMEOUT_MAX_MS = 300_000
"""Of a server that holds requests until there is a command."""


def _flag(module: str, key: str, default: str) -> ConfigurationKey:
    return ConfigurationKey(module, key, default, Kind.FLAG)


def _number(module: str, key: str, default: str, low: int, high: int) -> ConfigurationKey:
    return ConfigurationKey(module, key, default, Kind.INT, low, high)


def _choice(module: str, key: str, default: str, *choices: str) -> ConfigurationKey:
    return ConfigurationKey(module, key, default, Kind.CHOICE, choices=choices)


def _acts_on(effect: str, *keys: ConfigurationKey) -> tuple[ConfigurationKey, ...]:
    """`keys` as live ones: `effect` names the part of the device that acts on them."""
    return tuple(replace(key, effect=effect) for key in keys)


def _door_keys(door: int) -> tuple[ConfigurationKey, ...]:
    """The keys of one door; its inputs are off until the site has them.

    A contact's idle level is 1: pulled up and open. `init` writes what the site file says.
    """
    return (
        *_acts_on(
            f"the strike of door {door}",
            _flag("general", f"relay{door}_enabled", "1"),
            _number("general", f"relay{door}_timeout", "3000", 100, RELAY_TIMEOUT_MAX_MS),
            _flag("general", f"relay{door}_auto_close", "1"),
        ),
        *_acts_on(
            f"the sensor of door {door}",
            _flag("general", f"door_sensor{door}_enabled", "0"),
            _flag("general", f"door_sensor{door}_idle", "1"),
        ),
        *_acts_on(
            f"the exit button of door {door}",
            _flag("general", f"buttonhole{door}_enabled", "0"),
            _flag("general", f"buttonhole{door}_idle", "1"),
        ),
        *_acts_on(f"door {door}", _choice("general", f"door{door}_exception_mode", "none", *MODES)),
        # Doors that must be closed for this one to open, such as "1,3".
        *_acts_on(
            f"the interlock of door {door}",
            ConfigurationKey("general", f"door{door}_interlock", kind=Kind.DOORS, own_door=door),
        ),
    )


_LIVE = (
    *(key for door in DOORS for key in _door_keys(door)),
    *_acts_on("all doors", _choice("general", "exception_mode", "none", *MODES)),
    *_acts_on(
        "the held-open alarm",
        _flag("alarm", "door_sensor_enabled", "1"),
        _number("alarm", "door_sensor_delay", "10", 0, DOOR_SENSOR_DELAY_MAX_S),
        # Seconds that the alarm lasts after the door has closed.
        _number(
            "alarm", "door_sensor_alarm_timeout_after_closure", "0", 0, DOOR_SENSOR_DELAY_MAX_S
        ),
    ),
    *_acts_on(
        "the forced-door alarm",
        _flag("alarm", "forced_access_enabled", "1"),
        _number("alarm", "forced_access_debounce", "0", 0, FORCED_ACCESS_DEBOUNCE_MAX_MS),
    ),
    *_acts_on("the tamper alarm", _flag("alarm", "device_violation_enabled", "1")),
    *_acts_on(
        "the alarm of somebody under threat",
        _flag("alarm", "panic_finger_enabled", "0"),
        # Seconds. Named for the finger, used for all four (unverified).
        _number("alarm", "panic_finger_delay", "120", 0, PANIC_DELAY_MAX_S),
        _flag("alarm", "panic_card_enabled", "0"),
        _flag("alarm", "panic_password_enabled", "0"),
        _flag("alarm", "panic_pin_enabled", "0"),
    ),
    *_acts_on("the siren", _flag("alarm", "siren_enabled", "0")),
    *_acts_on(
        "the bell",
        _flag("general", "bell_enabled", "0"),
        _number("alarm", "timed_alarm_timeout", "5", 1, TIMED_ALARM_MAX_S),
    ),
    *_acts_on("the readers' buzzers", _flag("general", "beep_enabled", "1")),
    *_acts_on("cards at a reader", _flag("identifier", "card_identification_enabled", "1")),
    *_acts_on("PINs at a reader", _flag("identifier", "pin_identification_enabled", "1")),
    # Ours: digits of new or changed PINs.
    *_acts_on("the shortest PIN", _number("identifier", "pin_min_length", "1", 1, 32)),
    # The vendor's factory value of the mode is 1, decimal codes in `cards`; readers on a
    # controller send text, so here it is 0, alphanumeric codes in `qrcodes`.
    *_acts_on(
        "QR codes at a reader",
        _flag("identifier", "qrcode_identification_enabled", "1"),
        _choice("face_id", "qrcode_legacy_mode_enabled", "0", "0", "1", "2"),
    ),
    # Codes that change with the time need decimal QR codes. Sizes and offsets are seconds.
    *_acts_on(
        "dynamic QR codes",
        _flag("face_id", "totp_enabled", "0"),
        _number("face_id", "totp_window_size", "30", 1, 86_400),
        _number("face_id", "totp_window_num", "5", 1, 99),
        _flag("face_id", "totp_single_use", "0"),
        _number("face_id", "totp_tz_offset", "0", -86_400, 86_400),
    ),
    *_acts_on(
        "UHF tags at a reader",
        _choice("uhf", "identification_bits", "26", "26", "32", "34", "66", "96"),
        _choice("uhf", "reader_type", "default", "default", "lsb"),
        # Milliseconds. The vendor's default of the second is below its own minimum.
        _number("uhf", "read_interval", "5000", 100, 30_000),
        _number("uhf", "read_interval_diff_tags", "100", 100, 30_000),
        # `trigger` needs an input, which is not supported: nothing is read then.
        _choice("uhf", "operation_mode", "continuous", "continuous", "trigger", "inhibit"),
        # Hundredths of dBm; empty leaves the reader as it is set.
        _number("uhf", "transmit_power", "", 1_500, 2_400),
    ),
    # Wiegand readers with index N + 1. LSB: the last byte of the card's number is sent first.
    *(
        key
        for number in WIEGAND_INPUTS
        for key in _acts_on(
            f"cards at Wiegand reader {number + 1}",
            _choice(f"w_in{number}", "byte_order", "", "", "MSB", "LSB"),
            *(
                [_choice(f"card_reader{number}", "type", "", "", "LSB", "34")]
                if number in CARD_READERS
                else []
            ),
        )
    ),
    *_acts_on(
        "second factors at a reader",
        _flag("identifier", "multi_factor_authentication", "0"),
    ),
    *_acts_on(
        "anti-passback",
        _flag("identifier", "antipassback_enabled", "0"),
        # The turnstile's switch, which applies to every portal between two areas.
        _flag("catra", "anti_passback", "0"),
        _choice("identifier", "antipassback_mode", "timed", "timed", "timed_catra", "daily_catra"),
        # Minutes.
        _number("identifier", "antipassback_timeout", "0", 0, 525_600),
        # 1: forget positions at midnight, at every portal, turnstile or door.
        _flag("catra", "daily_reset", "0"),
    ),
    *_acts_on(
        "the turnstile",
        _number("general", "catra_timeout", "3000", 0, RELAY_TIMEOUT_MAX_MS),
        _choice("catra", "gateway", "clockwise", "clockwise", "anticlockwise"),
        _choice("catra", "operation_mode", "", "", *CATRA_OPERATION_MODES),
    ),
    *_acts_on("`GET /reboot`", _flag("general", "url_reboot_enabled", "0")),
    *_acts_on("user photos", _flag("general", "keep_user_image", "1")),
    # The clearing comes 16 minutes after the time of the daily reboot.
    *_acts_on(
        "the clearing of expired people",
        _choice("general", "clear_expired_users", "disable", "disable", "none", "visitors", "all"),
        _number("general", "auto_reboot_hour", "0", 0, 23),
        _number("general", "auto_reboot_minute", "0", 0, 59),
    ),
    # Ours. Clients compare it before they use features of a version; the default is the version of
    # the documents that this device follows.
    *_acts_on(
        "`version` in `system_information`",
        ConfigurationKey("general", "reported_version", "6.11.2", Kind.VERSION),
    ),
    # Empty: the time zone of the site file. UTC-3 is three hours behind.
    *_acts_on(
        "the clock",
        _choice("ntp", "timezone", "", "", *(f"UTC{hours:+d}" for hours in range(-12, 13))),
        # Takes effect on the machine; on a simulated board it is only stored.
        _flag("ntp", "enabled", "0"),
    ),
    # The empty hostname switches the monitor off; one with https:// in front uses TLS. The empty
    # port is 80, or 443. Milliseconds.
    *_acts_on(
        "the monitor",
        ConfigurationKey("monitor", "hostname", kind=Kind.SERVER),
        _number("monitor", "port", "", 1, 65_535),
        ConfigurationKey("monitor", "path", "api/notifications", Kind.PATH),
        _number("monitor", "request_timeout", "5000", 100, MONITOR_TIMEOUT_MAX_MS),
        # 0 for no `device_is_alive`.
        _number("monitor", "alive_interval", "30000", 0, 86_400_000),
        _flag("monitor", "inform_access_event_id", "0"),
    ),
    # Of ours: what the vendor's `set_network_interlock` sets, which no key of the vendor's shows.
    *_acts_on(
        "the interlock with other devices",
        _flag("network_interlock", "interlock_enabled", "0"),
        _flag("network_interlock", "api_bypass_enabled", "0"),
        _flag("network_interlock", "rex_bypass_enabled", "0"),
    ),
    # `general.online` 1 has a server decide: on people whom this device identified (Pro), or on the
    # credentials themselves (Enterprise, `local_identification` 0). `server_id` is a row of
    # `devices`. Times are milliseconds.
    *_acts_on(
        "the online modes",
        _flag("general", "online", "0"),
        _flag("general", "local_identification", "1"),
        _number("online_client", "server_id", "", 0, 10**18 - 1),
        _number("online_client", "max_request_attempts", "3", 1, ONLINE_MOST_ATTEMPTS),
        _number("online_client", "request_timeout", "5000", 100, ONLINE_TIMEOUT_MAX_MS),
        _flag("online_client", "contingency_enabled", "1"),
        # 0 for no `device_is_alive` while the server answers.
        _number("online_client", "alive_interval", "30000", 0, 86_400_000),
    ),
    # The empty address switches push off. Milliseconds, and seconds between two polls.
    *_acts_on(
        "push",
        ConfigurationKey("push_server", "push_remote_address", kind=Kind.SERVER),
        _number("push_server", "push_request_timeout", "15000", 100, SERVER_TIMEOUT_MAX_MS),
        ConfigurationKey("push_server", "push_request_period", "60", Kind.DECIMAL, 0, 86_400),
    ),
    # Ours. The empty address switches the listener off. Milliseconds.
    *_acts_on(
        "the Minop listener",
        ConfigurationKey("minop", "listener", kind=Kind.SERVER),
        _number("minop", "request_timeout", "5000", 100, MONITOR_TIMEOUT_MAX_MS),
    ),
)

_STORED = {
    "general": """
        bell_relay=2
        ssh_enabled=0 web_server_enabled=1 usb_port_enabled=0
        auto_reboot=0
        language show_logo=0 daylight_savings_time_start
        daylight_savings_time_end attendance_mode=0 password_only=0 hide_password_only=0
        password_only_tip hide_name_on_identification=0 denied_transaction_code
        send_code_when_not_identified=0 send_code_when_not_authorized=0 screen_always_on=0
        senior_mode=0 door_choice_enabled=0 ihm_enterprise_mode=0 clock_12h_format=0
        month_day_year_format=0 screenshot_resize screen_brightness energy_mode=0
        energy_display_custom energy_sound_custom energy_ir_custom energy_led_custom
        sec_box_out_mode=0 relay_out_mode=0 gpio_ext1_mode=0 gpio_ext2_mode=0 gpio_ext3_mode=0
        gpio_ext1_idle=1 gpio_ext2_idle=1 gpio_ext3_idle=1
    """,
    "online_client": "extract_template=0",
    "monitor": "enable_photo_upload=0",
    "identifier": """
        verbose_logging=1 log_type=0 face_identification_enabled=0
        custom_auth_message custom_deny_message custom_not_identified_message custom_mask_message
        enable_custom_auth_message=0 enable_custom_deny_message=0
        enable_custom_not_identified_message=0 enable_custom_mask_message=0
    """,
    # The site file declares the outputs of siren and bell, which are no door relays on this device.
    # It has no buzzer of its own and reports to no alarm centre, and the unit of the siren's time
    # is not documented.
    "alarm": "siren_relay=2 playing_timeout buzzer_enabled=0 alarm_central_enabled=0",
    "bio_id": "similarity_threshold_1ton=12300",
    "bio_module": "var_min=1000",
    "face_id": """
        liveness_mode=0 mask_detection_enabled=0 max_identified_duration=30000
        limit_identification_to_display_region=0 min_detect_bounds_width vehicle_mode=0
    """,
    "barras": """
        qrcode_legacy_mode_enabled totp_enabled totp_window_size totp_window_num totp_single_use
        totp_tz_offset
    """,
    "w_out0": "size=26 data",
    "sec_box": """
        out_mode mode wiegand_format_size=26 wiegand_out_size=26 catra_role=0 catra_default_fsm=0
        catra_side_to_enter=0 catra_timeout catra_bio_sync_period=1000 catra_sync_period=5000
        catra_config_sync_period=60 catra_relay_1_enabled=0 catra_relay_1_enable_direction
        catra_relay_2_enabled=0 catra_relay_2_enable_direction catra_collect_visitor_card=0
    """,
    # `mifare`, `rfid` and `hid_reader` configure readers inside the vendor's devices, which this
    # one lacks. `card_readerN.mode` MAG means clock-and-data lines, which are not supported.
    "mifare": "byte_order read_sector read_block authentication_type=A",
    "card_reader0": "mode=WIN",
    "card_reader1": "mode=WIN",
    "card_reader2": "mode=WIN",
    "card_reader3": "mode=WIN",
    "rfid": "ask_site_code_size=8 ask_user_code_size=16",
    "hid_reader": """
        format_w37 w37_cardid_size format_w26 format_mifare format_indala_b1 format_ask
        ignore_facility
    """,
    "osdp": """
        enabled=0 pd_address baud_rate=9600 card_read_report_format=wiegand wiegand_size=26
        enforce_secure_channel=0 out_mode
    """,
    "uhf": """
        work_channel trigger_timeout trig_idle tag_detector_enabled=0
    """,
    "rs485": "enabled=0 legacy_mode=0 receive_timeout=1000",
    "gpio": """
        catra_relay_1_enabled=0 catra_relay_1_enable_direction catra_relay_2_enabled=0
        catra_relay_2_enable_direction
    """,
    "face_module": "led_ir_brightness light_threshold_led_activation",
    "led_white": "brightness",
    "led_rgb": """
        state=1 solid_red solid_green solid_blue transition_start_red transition_start_green
        transition_start_blue transition_end_red transition_end_green transition_end_blue
    """,
    "buzzer": """
        audio_message_not_identified=default audio_message_authorized=default
        audio_message_not_authorized=default audio_message_use_mask=default
        audio_message_volume_gain=1
    """,
    "video_player": """
        custom_video_enabled=0 hide_control_bar=0 hide_clock=0 hide_menu_button=0 hide_logo=0
        hide_device_name=0 hide_call_buttons=0
    """,
    "enroller": "return_face_template=0",
    "snmp_agent": "snmp_enabled=0",
}


def _stored() -> tuple[ConfigurationKey, ...]:
    return tuple(
        ConfigurationKey(module, key, default)
        for module, text in _STORED.items()
        for key, _, default in (word.partition("=") for word in text.split())
    )


CONFIGURATION = Catalogue(
    (
        *_LIVE,
        *_stored(),
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
