from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.alarms.causes import ZONE_CAUSES, AlarmCause, gravity
from gateway.alarms.register import (
    ActiveAlarm,
    AlarmEnded,
    AlarmRegister,
    AlarmSource,
    AlarmStarted,
    SoundChanged,
)

HELD_AT_1 = AlarmSource(AlarmCause.DOOR_OPEN, 1)
HELD_AT_2 = AlarmSource(AlarmCause.DOOR_OPEN, 2)
FORCED_AT_2 = AlarmSource(AlarmCause.FORCED_DOOR, 2)
TAMPER = AlarmSource(AlarmCause.TAMPER)


def register_of(*sources: AlarmSource) -> AlarmRegister:
    register = AlarmRegister()
    for at_ms, source in enumerate(sources):
        register = register.raise_(source, at_ms).register
    return register


def test_an_empty_register_is_silent() -> None:
    assert AlarmRegister().status() == (False, AlarmCause.NONE)


def test_the_first_alarm_starts_the_sound_and_the_last_one_ends_it() -> None:
    first = AlarmRegister().raise_(TAMPER, 5)
    assert first.effects == (AlarmStarted(TAMPER), SoundChanged(sounding=True))
    assert first.register.active == (ActiveAlarm(TAMPER, since_ms=5, silenced=False),)
    second = first.register.raise_(HELD_AT_1, 6)
    assert second.effects == (AlarmStarted(HELD_AT_1),)
    third = second.register.clear(TAMPER)
    assert third.effects == (AlarmEnded(TAMPER),)
    last = third.register.clear(HELD_AT_1)
    assert last.effects == (AlarmEnded(HELD_AT_1), SoundChanged(sounding=False))
    assert last.register == AlarmRegister()


def test_an_alarm_that_is_on_is_not_raised_again() -> None:
    register = register_of(HELD_AT_1)
    again = register.raise_(HELD_AT_1, 99)
    assert again.effects == ()
    assert again.register == register


def test_an_alarm_that_is_not_on_is_not_cleared() -> None:
    register = register_of(HELD_AT_1)
    assert register.clear(HELD_AT_2).effects == ()
    assert register.clear(HELD_AT_2).register == register


def test_the_same_cause_at_two_doors_is_two_alarms() -> None:
    register = register_of(HELD_AT_1, HELD_AT_2).clear(HELD_AT_1).register
    assert [alarm.source for alarm in register.active] == [HELD_AT_2]
    assert register.status() == (True, AlarmCause.DOOR_OPEN)


def test_the_status_names_the_gravest_cause() -> None:
    register = register_of(HELD_AT_1, FORCED_AT_2, TAMPER)
    assert register.status() == (True, AlarmCause.FORCED_DOOR)
    assert register.clear(FORCED_AT_2).register.status() == (True, AlarmCause.TAMPER)


def test_silence_ends_the_sound_once_and_leaves_the_alarms_on() -> None:
    silenced = register_of(HELD_AT_1, TAMPER).silence()
    assert silenced.effects == (SoundChanged(sounding=False),)
    assert silenced.register.status() == (False, AlarmCause.NONE)
    assert all(alarm.silenced for alarm in silenced.register.active)
    assert len(silenced.register.active) == 2
    assert silenced.register.silence().effects == ()


def test_a_silenced_alarm_has_its_off() -> None:
    register = register_of(HELD_AT_1).silence().register
    assert register.clear(HELD_AT_1).effects == (AlarmEnded(HELD_AT_1),)


def test_a_silenced_alarm_that_is_raised_while_on_stays_silent() -> None:
    register = register_of(HELD_AT_1).silence().register
    assert register.raise_(HELD_AT_1, 9).effects == ()
    assert not register.raise_(HELD_AT_1, 9).register.sounding


def test_a_silenced_alarm_that_clears_and_comes_again_sounds_again() -> None:
    register = register_of(HELD_AT_1).silence().register.clear(HELD_AT_1).register
    again = register.raise_(HELD_AT_1, 9)
    assert again.effects == (AlarmStarted(HELD_AT_1), SoundChanged(sounding=True))


def test_a_new_alarm_sounds_beside_a_silenced_one_and_names_itself() -> None:
    register = register_of(FORCED_AT_2).silence().register
    other = register.raise_(HELD_AT_1, 9)
    assert other.effects == (AlarmStarted(HELD_AT_1), SoundChanged(sounding=True))
    assert other.register.status() == (True, AlarmCause.DOOR_OPEN)


def test_no_cause_is_no_source() -> None:
    with pytest.raises(ValueError, match="NONE is no alarm"):
        AlarmSource(AlarmCause.NONE)


def test_the_causes_have_the_numbers_of_the_api() -> None:
    numbers = {
        "NONE": 0,
        "DOOR_OPEN": 6,
        "FORCED_DOOR": 7,
        "PANIC_FINGER": 8,
        "TAMPER": 9,
        "PANIC_CARD": 10,
        "PANIC_PIN": 11,
        "PANIC_PASSWORD": 12,
        "ZONE_NO_PRESENCE": 13,
        "ZONE_OPEN": 14,
    }
    assert {name: AlarmCause[name].value for name in numbers} == numbers
    assert [cause.value for cause in ZONE_CAUSES] == [1, 2, 3, 4, 5]
    assert sorted(AlarmCause) == [*range(15), AlarmCause.LOCK_WELDED]


def test_every_cause_but_none_has_a_gravity_of_its_own() -> None:
    causes = [cause for cause in AlarmCause if cause is not AlarmCause.NONE]
    assert len({gravity(cause) for cause in causes}) == len(causes)
    assert gravity(AlarmCause.PANIC_PIN) < gravity(AlarmCause.FORCED_DOOR)
    with pytest.raises(ValueError, match="not in tuple"):
        gravity(AlarmCause.NONE)


COMMANDS = st.one_of(
    st.just("silence"),
    st.tuples(
        st.sampled_from(["raise", "clear"]),
        st.sampled_from([HELD_AT_1, HELD_AT_2, FORCED_AT_2, TAMPER]),
    ),
)


@hypothesis_settings(deadline=None)
@given(st.lists(COMMANDS, max_size=40))
def test_what_was_told_adds_up_to_what_is_on(
    commands: list[str | tuple[str, AlarmSource]],
) -> None:
    register = AlarmRegister()
    on: set[AlarmSource] = set()
    silent: set[AlarmSource] = set()
    sounding = False
    for at_ms, command in enumerate(commands):
        match command:
            case "raise", AlarmSource() as source:
                change = register.raise_(source, at_ms)
            case _, AlarmSource() as source:
                change = register.clear(source)
                silent.discard(source)
            case _:
                change = register.silence()
                silent = set(on)
        register = change.register
        for effect in change.effects:
            match effect:
                case AlarmStarted(source=source):
                    assert source not in on
                    on.add(source)
                case AlarmEnded(source=source):
                    on.remove(source)
                case SoundChanged(sounding=now):
                    assert now is not sounding
                    sounding = now
        assert {alarm.source for alarm in register.active} == on
        assert sounding is register.sounding is bool(on - silent)
        assert register.status()[0] is sounding
