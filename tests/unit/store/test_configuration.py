from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.store.objects.configuration import ConfigurationValue, read_configuration
from gateway.store.objects.store import Store


def test_values_come_back_as_text_whatever_they_were_sent_as(store: Store) -> None:
    store.set_configuration(
        {
            "general": {"relay1_timeout": 5000, "relay2_enabled": False, "language": "pt_BR"},
            "alarm": {"door_sensor_delay": "7"},
            "push_server": {"push_request_period": 0.1},
        }
    )

    assert store.configuration(
        {
            "general": ["relay1_timeout", "relay2_enabled", "language", "relay3_timeout"],
            "alarm": ["door_sensor_delay"],
            "push_server": ["push_request_period"],
        }
    ) == {
        "general": {
            "relay1_timeout": "5000",
            "relay2_enabled": "0",
            "language": "pt_BR",
            "relay3_timeout": "3000",
        },
        "alarm": {"door_sensor_delay": "7"},
        "push_server": {"push_request_period": "0.1"},
    }


def test_unknown_modules_and_keys_are_left_out(store: Store) -> None:
    asked = {"general": ["online", "nope"], "onvif": ["rtsp_enabled"], "pjsip": ["enabled"]}

    assert store.configuration(asked) == {"general": {"online": "0"}}


def test_asking_for_nothing_gives_everything(store: Store) -> None:
    everything = store.configuration({})

    assert store.configuration() == everything
    assert sum(len(values) for values in everything.values()) == len(list(CONFIGURATION))
    hidden = store.configuration({}, show_secrets=False)
    assert "authentication_key" not in hidden["mifare"]
    assert "authentication_key" in everything["mifare"]


@pytest.mark.parametrize("asked", [{"general": 1}, {"general": [1]}, {"general": {}}])
def test_a_question_in_another_shape_is_refused(store: Store, asked: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match="Invalid member 'general'"):
        store.configuration(asked)


def test_an_unknown_key_refuses_the_whole_call_in_the_devices_words(store: Store) -> None:
    before = store.policy_version()
    with pytest.raises(InvalidRequest) as refusal:
        store.set_configuration({"general": {"online": "1", "invalid_config": "1"}})

    assert str(refusal.value) == (
        "Node or attribute not found. Node path: config->general->param[name=invalid_config]"
    )
    assert store.configuration({"general": ["online"]}) == {"general": {"online": "0"}}
    assert store.policy_version() == before


def test_a_value_that_is_the_same_is_no_change(store: Store) -> None:
    store.set_configuration({"general": {"relay1_timeout": 700}})
    before = store.policy_version()
    store.set_configuration({"general": {"relay1_timeout": "700"}})

    assert store.policy_version() == before


def test_a_stored_value_that_is_not_allowed_any_more_counts_as_not_set(store: Store) -> None:
    with store.transaction():
        ConfigurationValue.insert(
            module="general", key="exception_mode", value="from another time"
        ).execute(store.database)
    values = read_configuration(lambda query: store.reader().execute_sql(*query.sql()))

    assert values["general", "exception_mode"] == "none"
    assert set(values) == {(key.module, key.key) for key in CONFIGURATION}


def test_the_door_key_that_counts_from_zero_is_the_first_doors(store: Store) -> None:
    store.set_configuration({"general": {"relay0_auto_close": "0"}})

    assert store.configuration({"general": ["relay0_auto_close", "relay1_auto_close"]}) == {
        "general": {"relay0_auto_close": "0", "relay1_auto_close": "0"}
    }
