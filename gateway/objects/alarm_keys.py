"""Configuration keys of alarms, siren and bell."""

from __future__ import annotations

from gateway.objects.configuration import SettingGroup, acts_on, flag, number

# The vendor gives no unit for `forced_access_debounce`; milliseconds are assumed (unverified).
# Change the unit here and in `gateway/doors/door_settings.py`.
_FORCED_ACCESS_DEBOUNCE_MAX_MS = 60_000

# The vendor gives neither unit nor default of `timed_alarm_timeout`; seconds are assumed
# (unverified). Change the unit here and in `gateway/alarms/alarm_settings.py`.
_TIMED_ALARM_MAX_S = 3_600

_DAY_S = 86_400

ALARM_KEYS = (
    *acts_on(
        SettingGroup.ALARMS,
        "Door held open",
        flag(
            "alarm",
            "door_sensor_enabled",
            "1",
            "Alarm of a door held open",
            "Needs a door sensor.",
        ),
        number(
            "alarm",
            "door_sensor_delay",
            "10",
            (0, _DAY_S),
            "Door may stay open",
            "The alarm begins when the door is open for longer.",
            "s",
        ),
        number(
            "alarm",
            "door_sensor_alarm_timeout_after_closure",
            "0",
            (0, _DAY_S),
            "Alarm goes on after the door closes",
            "For so long after the door has closed again.",
            "s",
        ),
    ),
    *acts_on(
        SettingGroup.ALARMS,
        "Forced door",
        flag(
            "alarm",
            "forced_access_enabled",
            "1",
            "Alarm of a forced door",
            "The door opened, and nobody was let through. Needs a door sensor.",
        ),
        number(
            "alarm",
            "forced_access_debounce",
            "0",
            (0, _FORCED_ACCESS_DEBOUNCE_MAX_MS),
            "Open for at least",
            "A door that is open for less, such as one that rattles in the wind, is no alarm.",
            "ms",
        ),
    ),
    *acts_on(
        SettingGroup.ALARMS,
        "Tampering",
        flag(
            "alarm",
            "device_violation_enabled",
            "1",
            "Alarm of tampering",
            "The case or a reader was opened, or a keypad is locked after wrong entries.",
        ),
    ),
    *acts_on(
        SettingGroup.ALARMS,
        "Duress",
        flag(
            "alarm",
            "panic_card_enabled",
            "0",
            "Alarm of a duress card",
            "The door behaves as usual and shows nothing.",
        ),
        flag(
            "alarm",
            "panic_pin_enabled",
            "0",
            "Alarm of a duress PIN",
            "The door behaves as usual and shows nothing.",
        ),
        flag(
            "alarm",
            "panic_password_enabled",
            "0",
            "Alarm of a duress password",
            "The door behaves as usual and shows nothing.",
        ),
        flag(
            "alarm",
            "panic_finger_enabled",
            "0",
            "Alarm of a duress finger",
            "The door behaves as usual and shows nothing.",
        ),
        # Named for the finger, used for all four (unverified).
        number(
            "alarm",
            "panic_finger_delay",
            "120",
            (0, _DAY_S),
            "Delay of duress alarms",
            "From the identification to the alarm, so that the person is out of reach.",
            "s",
        ),
    ),
    *acts_on(
        SettingGroup.ALARMS,
        "Siren",
        flag(
            "alarm",
            "siren_enabled",
            "0",
            "Siren sounds in an alarm",
            "The site file names its output and the longest time that it sounds.",
        ),
    ),
    *acts_on(
        SettingGroup.ALARMS,
        "Bell",
        flag(
            "general",
            "bell_enabled",
            "0",
            "Bell rings at set times",
            "The times are the timed alarms; the site file names the output.",
        ),
        number(
            "alarm",
            "timed_alarm_timeout",
            "5",
            (1, _TIMED_ALARM_MAX_S),
            "Bell rings for",
            "The length of each ring.",
            "s",
        ),
    ),
)
