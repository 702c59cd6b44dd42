from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest
from gateway.objects.configuration import Catalogue, ConfigurationKey
from gateway.objects.configuration_keys import CONFIGURATION

SETTABLE = [key for key in CONFIGURATION if not key.derived]


def test_every_default_is_a_value_that_may_be_set() -> None:
    for key in SETTABLE:
        assert key.text(key.default) == key.default, f"{key.module}.{key.key}"


@pytest.mark.parametrize("module", ["onvif", "camera_overlay", "pjsip"])
def test_hardware_that_is_not_there_has_no_keys(module: str) -> None:
    assert module not in CONFIGURATION.modules


@pytest.mark.parametrize(
    ("module", "key"),
    [
        *(
            ("general", name.format(door))
            for door in (1, 2, 3, 4)
            for name in (
                "relay{}_enabled", "relay{}_timeout", "relay{}_auto_close",
                "door_sensor{}_enabled", "door_sensor{}_idle", "buttonhole{}_enabled",
                "buttonhole{}_idle", "door{}_exception_mode",
            )
        ),
        ("general", "exception_mode"),
        ("alarm", "door_sensor_enabled"),
        ("alarm", "door_sensor_delay"),
        ("alarm", "forced_access_enabled"),
        ("alarm", "forced_access_debounce"),
        ("alarm", "device_violation_enabled"),
        ("identifier", "card_identification_enabled"),
        ("identifier", "qrcode_identification_enabled"),
        ("identifier", "pin_identification_enabled"),
        ("face_id", "qrcode_legacy_mode_enabled"),
        ("ntp", "timezone"),
    ],
)  # fmt: skip
def test_what_the_device_acts_on_is_checked(module: str, key: str) -> None:
    live = CONFIGURATION.known(module, key)

    assert live.live
    with pytest.raises(InvalidRequest, match=rf"^{module}\.{key} cannot be 'emergncy': .*allowed$"):
        live.text("emergncy")


@pytest.mark.parametrize(
    ("module", "key", "value", "text"),
    [
        ("general", "relay1_enabled", True, "1"),
        ("general", "relay1_enabled", 0, "0"),
        ("general", "relay1_timeout", 100, "100"),
        ("general", "relay1_timeout", "0600", "600"),
        ("general", "relay1_timeout", 700.0, "700"),
        ("general", "exception_mode", "lock_down", "lock_down"),
        ("ntp", "timezone", "UTC-3", "UTC-3"),
        ("ntp", "timezone", "UTC+12", "UTC+12"),
        ("ntp", "timezone", "", ""),
        ("monitor", "hostname", "10.0.0.2", "10.0.0.2"),
        ("monitor", "port", 8000, "8000"),
        ("push_server", "push_request_period", 0.1, "0.1"),
        ("push_server", "push_request_period", "86400", "86400"),
        ("push_server", "push_remote_address", "https://s.example/api", "https://s.example/api"),
    ],
)
def test_values_are_stored_as_text(module: str, key: str, value: object, text: str) -> None:
    assert CONFIGURATION.known(module, key).text(value) == text


@pytest.mark.parametrize(
    ("module", "key", "value"),
    [
        ("general", "relay1_enabled", 2),
        ("general", "relay1_enabled", ""),
        ("general", "relay1_timeout", 99),
        ("general", "relay1_timeout", 600_001),
        ("general", "relay1_timeout", "3s"),
        ("general", "relay1_timeout", 0.5),
        ("general", "relay1_timeout", "9" * 30),
        ("general", "exception_mode", "EMERGENCY"),
        ("ntp", "timezone", "UTC+13"),
        ("monitor", "path", None),
        ("monitor", "path", ["a"]),
        ("monitor", "path", "x" * 5_000),
        ("monitor", "path", "a\0"),
        *(
            ("push_server", "push_request_period", value)
            for value in ("", "-1", "1e3", ".5", "5.", 86_401, "nan", "٣")
        ),
    ],
)
def test_a_wrong_value_is_refused_naming_the_key(module: str, key: str, value: object) -> None:
    with pytest.raises(
        InvalidRequest, match=key if value == "a\0" else rf"^{module}\.{key} cannot"
    ):
        CONFIGURATION.known(module, key).text(value)


def test_an_unknown_key_has_the_devices_text() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        CONFIGURATION.known("general", "x")

    assert str(refusal.value) == (
        "Node or attribute not found. Node path: config->general->param[name=x]"
    )


def test_a_key_is_declared_once() -> None:
    key = ConfigurationKey("general", "online")
    with pytest.raises(ValueError, match="twice"):
        Catalogue((key, key), {})


def test_alphanumeric_codes_are_this_devices_factory_mode() -> None:
    assert CONFIGURATION.known("face_id", "qrcode_legacy_mode_enabled").default == "0"
