"""Alarms at work: from edges on pins and reads at readers to the siren and to rows of the log."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.clock import ManualClock
from gateway.errors import NotFound, NotPermitted
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.simulated.board_record import BoardRecord, record_path
from gateway.host.clock_trust import ClockTrust, ClockVerdict
from gateway.link.messages import ArmAlarms, DisarmAlarms, ResetFire, Silence
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA = 1
CARD_OF_ANA = (123 << 32) | 45678
SIREN, BELL = 13, 19
ZONE_1, ZONE_2 = (InputName(InputKind.ZONE, number) for number in (1, 2))
CASE = InputName(InputKind.TAMPER)
AT_FRONT = InputName(InputKind.READER_TAMPER, 1)
MAINS = InputName(InputKind.MAINS_FAIL)
FIRE = InputName(InputKind.FIRE)
BACK_SENSOR = InputName(InputKind.DOOR_SENSOR, 2)
FRONT_SENSOR = InputName(InputKind.DOOR_SENSOR, 1)
ON, OFF = 1, 2
HELD, FORCED, TAMPERED, PANIC_CARD = 6, 7, 9, 10

EXTRAS = """
[siren]
pin = 13
active = "high"
time_s = 20

[bell]
pin = 19
active = "high"

[power.mains_fail]
pin = 20
idle = "high"
"""
READER_CONTACT = """d1 = 6
tamper = { pin = 21, idle = "high" }
tamper_disables = true
"""


@pytest.fixture
def wired(demo: Path) -> Path:
    """The demo site with a siren, a bell, a mains contact, a tamper contact at the front reader
    and an entry delay at zone 2."""
    site = demo / SITE_FILE
    text = site.read_text(encoding="utf-8").replace("d1 = 6\n", READER_CONTACT)
    text = text.replace("number = 2\n", "number = 2\nentry_delay_s = 10\n")
    # The bell's relay has another polarity than the locks'.
    text = text.replace('hats = ["generic-relay-high"]', "hats = []")
    text = text.replace('kind = "strike" }', 'locked = "low", unlocked = "high" }')
    site.write_text(text + EXTRAS, encoding="utf-8")
    return demo


@pytest.fixture
def loud(wired: Path, start: Start) -> Iterator[Bench]:
    """That site at work, with its siren and bell switched on."""
    with start(wired) as bench:
        bench.configure({"alarm": {"siren_enabled": 1}, "general": {"bell_enabled": 1}})
        yield bench


def move(bench: Bench, name: InputName, *, high: bool, wait_s: float = 0.5) -> None:
    bench.simulator.set_input(name, high=high)
    bench.pass_time(wait_s)


def level(bench: Bench, pin: int) -> str:
    outputs = bench.outputs()
    return str(next(output["level"] for output in outputs if output["pin"] == pin))


def sounds(bench: Bench) -> bool:
    on = bool(level(bench, SIREN) == "high")
    assert bench.controller.status().siren == on
    return on


def facts(bench: Bench) -> list[tuple[int, int, int]]:
    """(event, cause, user) of every alarm row so far."""
    rows = [body["row"] for body in bench.journal(EntryKind.ALARM)]
    return [(row["event"], row["cause"], row["user_id"]) for row in rows]


def arm(bench: Bench, *zones: int, exit_s: int = 0) -> None:
    bench.ask(ArmAlarms(zones=zones or None, exit_delay_s=exit_s))
    bench.settle()


def disarm(bench: Bench, *zones: int) -> None:
    bench.ask(DisarmAlarms(zones=zones or None))
    bench.settle()


def silence(bench: Bench) -> None:
    bench.ask(Silence())
    bench.settle()


def threaten(bench: Bench) -> None:
    """Mark Ana's card as one that is presented under threat."""
    with bench.store() as store:
        store.modify("cards", {"panic": 1}, [{"field": "user_id", "value": ANA}])
    bench.pass_time(1.1)


# the siren


def test_the_siren_sounds_until_the_alarm_is_over(loud: Bench) -> None:
    assert not sounds(loud)
    move(loud, CASE, high=False)
    assert sounds(loud)
    move(loud, CASE, high=True)
    assert not sounds(loud)


def test_the_siren_falls_silent_after_its_time_and_the_alarm_stays(loud: Bench) -> None:
    move(loud, CASE, high=False)
    loud.pass_time(19)
    assert sounds(loud)
    loud.pass_time(1)
    assert not sounds(loud)
    assert loud.controller.status().alarm_cause == TAMPERED
    move(loud, BACK_SENSOR, high=False)
    assert sounds(loud), "each new alarm begins its time anew"


def test_silence_ends_the_siren_and_what_comes_next_begins_it_again(loud: Bench) -> None:
    move(loud, CASE, high=False)
    silence(loud)
    assert not sounds(loud)
    move(loud, BACK_SENSOR, high=False)
    assert sounds(loud)


def test_a_siren_that_is_switched_off_stays_silent(loud: Bench) -> None:
    loud.configure({"alarm": {"siren_enabled": 0}})
    move(loud, CASE, high=False)
    assert not sounds(loud)


def test_a_stop_leaves_the_siren_off(wired: Path, start: Start) -> None:
    with start(wired) as bench:
        bench.configure({"alarm": {"siren_enabled": 1}})
        move(bench, CASE, high=False)
        assert sounds(bench)
    record = BoardRecord.read(record_path(RuntimeDirectory.find(wired).path))
    assert (record.pin(SIREN).high, record.pin(SIREN).edges) == (False, 2)
    record.close()


def test_an_alarm_that_was_silenced_stays_silent_over_a_restart(wired: Path, start: Start) -> None:
    with start(wired) as bench:
        bench.configure({"alarm": {"siren_enabled": 1}})
        move(bench, CASE, high=False)
        silence(bench)
        move(bench, BACK_SENSOR, high=False)
    with start(wired) as again:
        assert sounds(again), "the door was not silenced"
        move(again, BACK_SENSOR, high=True)
        assert not sounds(again)
        assert again.controller.status().alarm_cause == 0
        assert [alarm.cause for alarm in again.controller.status().alarms] == [TAMPERED]


# arming


def test_a_zone_that_is_disarmed_is_no_alarm_until_it_is_armed(loud: Bench) -> None:
    disarm(loud, 1)
    move(loud, ZONE_1, high=False, wait_s=5)
    assert facts(loud) == []
    move(loud, ZONE_1, high=True)
    arm(loud)
    move(loud, ZONE_1, high=False, wait_s=5)
    assert facts(loud) == [(ON, 1, 0)]
    disarm(loud)
    assert facts(loud) == [(ON, 1, 0), (OFF, 1, 0)]


def test_there_is_time_to_leave(loud: Bench) -> None:
    disarm(loud)
    arm(loud, exit_s=30)
    assert {zone.state for zone in loud.controller.status().zones} == {"exit"}
    move(loud, ZONE_1, high=False, wait_s=20)
    move(loud, ZONE_1, high=True, wait_s=11)
    assert facts(loud) == []
    assert {zone.state for zone in loud.controller.status().zones} == {"armed"}
    move(loud, ZONE_1, high=False, wait_s=5)
    assert facts(loud) == [(ON, 1, 0)]


def test_there_is_time_to_disarm_for_who_comes_in(loud: Bench) -> None:
    move(loud, ZONE_2, high=False)
    move(loud, ZONE_2, high=True, wait_s=5)
    assert loud.controller.status().zones[1].entering
    disarm(loud)
    loud.pass_time(20)
    assert facts(loud) == []
    arm(loud)
    move(loud, ZONE_2, high=False)
    move(loud, ZONE_2, high=True, wait_s=15)
    assert facts(loud) == [(ON, 2, 0)]
    assert sounds(loud)


def test_what_is_armed_outlives_a_restart(wired: Path, start: Start) -> None:
    with start(wired) as bench:
        disarm(bench)
        arm(bench, 2, exit_s=600)
    with start(wired) as again:
        assert [zone.state for zone in again.controller.status().zones] == ["disarmed", "exit"]
        move(again, ZONE_1, high=False, wait_s=5)
        assert facts(again) == []


def test_a_zone_that_the_site_lacks_is_refused_and_nothing_is_armed(loud: Bench) -> None:
    with pytest.raises(NotFound, match="there is no zone 3 in this site"):
        disarm(loud, 1, 3)
    assert loud.journal(EntryKind.ARMING) == []


def zone_states(bench: Bench) -> list[str]:
    return [zone.state for zone in bench.controller.status().zones]


def make_set(bench: Bench, *zones: int, open_zones: int = 1) -> int:
    """A set of these zones; returns its id."""
    with bench.store() as store:
        (number,) = store.insert("zone_sets", [{"name": "night", "open_zones": open_zones}])
        ties = [{"zone_set_id": number, "alarm_zone_id": zone} for zone in zones]
        store.insert("zone_set_zones", ties)
    bench.pass_time(1.1)
    return int(number)


def test_an_open_zone_refuses_to_be_armed_by_its_number(loud: Bench) -> None:
    disarm(loud)
    move(loud, ZONE_1, high=False)
    with pytest.raises(NotPermitted, match="since these zones are open: 1"):
        loud.ask(ArmAlarms())
    assert zone_states(loud) == ["disarmed", "disarmed"]
    last = loud.journal(EntryKind.ARMING)[-1]
    assert (last["refused"], last["disarmed"]) == ([1], [1, 2])


def test_an_open_zone_is_left_out_over_a_restart(wired: Path, start: Start) -> None:
    with start(wired) as bench:
        disarm(bench)
        move(bench, ZONE_1, high=False)
        bench.ask(ArmAlarms(open_zones="bypass"))
        assert zone_states(bench) == ["bypassed", "armed"]
    with start(wired) as again:
        assert zone_states(again) == ["bypassed", "armed"]
        move(again, ZONE_1, high=True)
        move(again, ZONE_1, high=False, wait_s=5)
        assert facts(again) == []


def test_who_has_time_to_leave_may_go_through_an_open_zone_with_an_entry_delay(
    loud: Bench,
) -> None:
    disarm(loud)
    move(loud, ZONE_2, high=False)
    arm(loud, exit_s=30)
    assert zone_states(loud) == ["exit", "exit"]
    disarm(loud)
    with pytest.raises(NotPermitted, match="open: 2"):
        loud.ask(ArmAlarms())


def test_a_set_is_armed_alone_and_as_it_says(loud: Bench) -> None:
    disarm(loud)
    night = make_set(loud, 1, open_zones=2)
    loud.ask(ArmAlarms(zone_set=night))
    assert zone_states(loud) == ["armed", "disarmed"]
    loud.ask(DisarmAlarms(zone_set=night))
    assert zone_states(loud) == ["disarmed", "disarmed"]
    move(loud, ZONE_1, high=False)
    with pytest.raises(NotPermitted, match="open: 1"):
        loud.ask(ArmAlarms(zone_set=night, open_zones="refuse"))
    loud.ask(ArmAlarms(zone_set=night))
    assert zone_states(loud) == ["bypassed", "disarmed"]
    assert [body["zone_set"] for body in loud.journal(EntryKind.ARMING)[1:]] == ["night"] * 4


def test_a_set_that_there_is_not_or_that_has_no_zone_is_refused(loud: Bench) -> None:
    empty = make_set(loud)
    with pytest.raises(NotFound, match="there is no zone set 99"):
        loud.ask(ArmAlarms(zone_set=99))
    with pytest.raises(NotFound, match="zone set 'night' has no zone that this site has"):
        loud.ask(DisarmAlarms(zone_set=empty))
    assert loud.journal(EntryKind.ARMING) == []


def test_a_disarmed_zone_and_a_door_that_chime_sound_the_buzzers(
    loud: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    chimes: list[int] = []
    signals = loud.controller._components.signals
    monkeypatch.setattr(signals, "_buzz_all", lambda for_ms, _now_ms: chimes.append(for_ms))
    with loud.store() as store:
        store.modify("alarm_zones", {"chime": 1}, None)
        store.insert("door_settings", [{"door_id": 2, "chime": 1}])
    loud.pass_time(1.1)
    move(loud, ZONE_1, high=False)
    assert chimes == [], "an armed zone does not chime"
    disarm(loud)
    move(loud, ZONE_1, high=True)
    assert chimes == []
    move(loud, ZONE_1, high=False)
    assert len(chimes) == 1
    move(loud, BACK_SENSOR, high=False)
    assert len(chimes) == 2


# schedules


@pytest.fixture
def scheduled(loud: Bench) -> Bench:
    """Zone 1 is armed from 13:00:00 to 13:59:59 on mondays."""
    days = dict.fromkeys(("sun", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3"), 0)
    with loud.store() as store:
        store.insert("time_zones", [{"id": 9, "name": "one o'clock"}])
        store.insert(
            "time_spans",
            [{"id": 9, "time_zone_id": 9, "start": 46_800, "end": 50_399, "mon": 1, **days}],
        )
        store.insert("alarm_zone_time_zones", [{"alarm_zone_id": 1, "time_zone_id": 9}])
    loud.pass_time(1.1)
    return loud


def wall(bench: Bench, clock: str) -> None:
    """Set the clock to a time of the monday; the site is three hours behind UTC."""
    moment = datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=UTC)
    bench.clock.set_utc(moment + timedelta(hours=3))
    bench.pass_time(1)


def test_a_zone_is_an_alarm_in_its_schedule_only(scheduled: Bench) -> None:
    move(scheduled, ZONE_1, high=False, wait_s=5)
    assert facts(scheduled) == []
    wall(scheduled, "12:59:50")
    scheduled.pass_time(8)
    assert facts(scheduled) == []
    scheduled.pass_time(2)
    assert facts(scheduled) == [(ON, 1, 0)], "active when its schedule begins"
    wall(scheduled, "13:59:55")
    assert len(facts(scheduled)) == 1
    scheduled.pass_time(6)
    assert facts(scheduled) == [(ON, 1, 0), (OFF, 1, 0)]


def test_with_a_clock_that_is_not_trusted_a_zone_is_armed(
    scheduled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClockTrust, "judge", lambda *_: ClockVerdict.NO_SOURCE)
    move(scheduled, ZONE_1, high=False, wait_s=5)
    assert facts(scheduled) == [(ON, 1, 0)]


def test_a_schedule_that_is_deleted_disarms_nothing(scheduled: Bench) -> None:
    move(scheduled, ZONE_1, high=False, wait_s=5)
    with scheduled.store() as store:
        store.destroy("time_zones", [{"field": "id", "value": 9}])
    scheduled.pass_time(5)
    assert facts(scheduled) == [(ON, 1, 0)]


# tampering


def test_a_reader_that_is_tampered_with_is_an_alarm_at_its_door_and_disabled(loud: Bench) -> None:
    move(loud, AT_FRONT, high=False)
    assert loud.alarms() == [(ON, TAMPERED, 1)]
    loud.swipe(CARD_OF_ANA)
    assert not loud.unlocked(1)
    assert loud.events() == []
    assert loud.journal(EntryKind.READER_DISABLED) == [{"reader": "front"}]
    move(loud, AT_FRONT, high=True, wait_s=3)
    assert loud.alarms() == [(ON, TAMPERED, 1), (OFF, TAMPERED, 1)]
    loud.swipe(CARD_OF_ANA)
    assert loud.events() == [(7, ANA)]


def test_a_case_and_a_reader_that_are_tampered_with_are_two_alarms(loud: Bench) -> None:
    move(loud, AT_FRONT, high=False)
    move(loud, CASE, high=False)
    move(loud, AT_FRONT, high=True)
    assert loud.alarms() == [(ON, TAMPERED, 1), (ON, TAMPERED, 0), (OFF, TAMPERED, 1)]


def guess(bench: Bench) -> None:
    for _ in range(5):
        for key in "9#":
            bench.simulator.keys("front", key)
            bench.pass_time(0.2)


def test_a_keypad_that_is_locked_is_one_alarm_until_it_is_freed(loud: Bench) -> None:
    guess(loud)
    guess(loud)
    assert loud.alarms() == [(ON, TAMPERED, 1)]
    loud.pass_time(95)
    assert loud.alarms() == [(ON, TAMPERED, 1), (OFF, TAMPERED, 1)]


def test_the_alarm_of_a_keypad_ends_after_a_restart_too(wired: Path, start: Start) -> None:
    with start(wired) as bench:
        guess(bench)
    with start(wired) as again:
        assert again.alarms() == [(ON, TAMPERED, 1)]
        again.pass_time(95)
        assert again.alarms() == [(ON, TAMPERED, 1), (OFF, TAMPERED, 1)]


def test_a_keypad_that_was_freed_while_the_device_was_off_gets_its_off(
    wired: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(wired) as bench:
        guess(bench)
        later = bench.clock.utc() + timedelta(seconds=120)
    monkeypatch.setattr(ManualClock, "utc", _from(later))
    with start(wired) as again:
        assert again.alarms() == [(ON, TAMPERED, 1), (OFF, TAMPERED, 1)]


def test_a_keypad_is_no_alarm_where_tampering_is_none(loud: Bench) -> None:
    loud.configure({"alarm": {"device_violation_enabled": 0}})
    guess(loud)
    assert loud.alarms() == []


# doors


def test_a_held_open_alarm_goes_on_after_the_door_has_closed(loud: Bench) -> None:
    loud.configure({"alarm": {"door_sensor_alarm_timeout_after_closure": 20}})
    loud.swipe(CARD_OF_ANA)
    move(loud, FRONT_SENSOR, high=False, wait_s=31)
    move(loud, FRONT_SENSOR, high=True, wait_s=19)
    assert loud.alarms() == [(ON, HELD, 1)]
    loud.pass_time(2)
    assert loud.alarms() == [(ON, HELD, 1), (OFF, HELD, 1)]


def test_silencing_resets_a_fire_only_where_the_site_file_says_so(demo: Path, start: Start) -> None:
    site = demo / "gateway.toml"
    for says, locked in (("", False), ("reset_by_stop = true\n", True)):
        text = site.read_text(encoding="utf-8")
        site.write_text(text.replace("[fire]", f"[fire]\n{says}#", 1), encoding="utf-8")
        with start(demo) as bench:
            move(bench, FIRE, high=True)
            move(bench, FIRE, high=False)
            silence(bench)
            assert bench.unlocked(1) is not locked
            bench.ask(ResetFire())
            bench.settle()
            assert not bench.unlocked(1)
        site.write_text(text, encoding="utf-8")


def test_a_fire_ends_the_alarms_of_doors_and_a_door_left_open_by_it_is_held(loud: Bench) -> None:
    move(loud, BACK_SENSOR, high=False)
    move(loud, FIRE, high=True, wait_s=60)
    assert loud.alarms() == [(ON, FORCED, 2), (OFF, FORCED, 2)]
    move(loud, CASE, high=False)
    assert loud.alarms()[2:] == [(ON, TAMPERED, 0)], "tampering goes on"
    move(loud, FIRE, high=False)
    loud.ask(ResetFire())
    loud.pass_time(29)
    assert len(loud.alarms()) == 3
    loud.pass_time(2)
    assert loud.alarms()[3:] == [(ON, HELD, 2)]
    move(loud, BACK_SENSOR, high=True)
    assert loud.alarms()[4:] == [(OFF, HELD, 2)]


# people under threat


def test_a_card_under_threat_opens_and_silently_sets_off_an_alarm_later(loud: Bench) -> None:
    loud.configure({"alarm": {"panic_card_enabled": 1, "panic_finger_delay": 60}})
    threaten(loud)
    loud.swipe(CARD_OF_ANA)
    assert loud.unlocked(1)
    loud.pass_time(58)
    assert facts(loud) == []
    loud.pass_time(2)
    (row,) = [body["row"] for body in loud.journal(EntryKind.ALARM)]
    (access,) = [body["row"] for body in loud.journal(EntryKind.ACCESS)]
    assert (row["cause"], row["user_id"], row["door_id"]) == (PANIC_CARD, ANA, 1)
    assert row["access_log_id"] == access["id"]
    assert not sounds(loud)
    assert loud.controller.status().alarm_cause == PANIC_CARD
    silence(loud)
    assert facts(loud) == [(ON, PANIC_CARD, ANA), (OFF, PANIC_CARD, ANA)]


def test_a_kind_of_threat_that_is_switched_off_is_no_alarm(loud: Bench) -> None:
    loud.configure({"alarm": {"panic_pin_enabled": 1, "panic_finger_delay": 0}})
    threaten(loud)
    loud.swipe(CARD_OF_ANA)
    loud.pass_time(200)
    assert facts(loud) == []


def test_whoever_is_denied_under_threat_sets_off_the_alarm_all_the_same(loud: Bench) -> None:
    loud.configure(
        {
            "alarm": {"panic_card_enabled": 1, "panic_finger_delay": 0},
            "general": {"exception_mode": "lock_down"},
        }
    )
    threaten(loud)
    loud.swipe(CARD_OF_ANA)
    assert loud.events() == [(6, ANA)]
    assert facts(loud) == [(ON, PANIC_CARD, ANA)]


def test_silence_does_not_hold_up_an_alarm_on_its_way(loud: Bench) -> None:
    loud.configure({"alarm": {"panic_card_enabled": 1, "panic_finger_delay": 30}})
    threaten(loud)
    loud.swipe(CARD_OF_ANA)
    silence(loud)
    disarm(loud)
    loud.pass_time(31)
    assert facts(loud) == [(ON, PANIC_CARD, ANA)]


def threatened(bench: Bench) -> None:
    bench.configure({"alarm": {"panic_card_enabled": 1, "panic_finger_delay": 100}})
    threaten(bench)
    bench.swipe(CARD_OF_ANA)
    bench.pass_time(40)


def kill(demo: Path, copy: Path) -> Path:
    """What a power cut leaves: the files as they are at this instant."""
    shutil.copytree(demo, copy)
    return copy


@pytest.mark.parametrize(("trusted", "left_s"), [(True, 50), (False, 100)])
def test_the_alarm_on_its_way_outlives_a_power_cut(
    wired: Path,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
    left_s: int,
) -> None:
    with start(wired) as bench:
        threatened(bench)
        left = kill(wired, tmp_path / "cut")
        cut_off = bench.clock.utc()
    verdict = ClockVerdict.SIMULATED if trusted else ClockVerdict.NO_SOURCE
    monkeypatch.setattr(ClockTrust, "judge", lambda *_: verdict)
    started_at = cut_off + timedelta(seconds=10)
    monkeypatch.setattr(ManualClock, "utc", _from(started_at))
    with start(left) as again:
        again.pass_time(left_s - 2)
        assert facts(again) == []
        again.pass_time(3)
        assert facts(again) == [(ON, PANIC_CARD, ANA)]


def _from(moment: datetime) -> Callable[[ManualClock], datetime]:
    """A wall clock that begins at `moment`."""

    def utc(clock: ManualClock) -> datetime:
        return moment + timedelta(seconds=clock.monotonic_ns() / 1e9 - 1)

    return utc


def test_an_alarm_that_has_begun_does_not_begin_again_after_a_restart(
    wired: Path, start: Start
) -> None:
    with start(wired) as bench:
        threatened(bench)
        bench.pass_time(70)
        silence(bench)
    with start(wired) as again:
        again.pass_time(200)
        assert facts(again) == [(ON, PANIC_CARD, ANA), (OFF, PANIC_CARD, ANA)]


# bells and power


def test_a_bell_rings_at_its_time(loud: Bench) -> None:
    days = dict.fromkeys(("mon", "tue"), 1)
    with loud.store() as store:
        store.insert("timed_alarms", [{"id": 1, "name": "break", "start": 46_800, **days}])
    loud.configure({"alarm": {"timed_alarm_timeout": 8}})
    wall(loud, "12:59:55")
    assert level(loud, BELL) == "low"
    loud.pass_time(6)
    assert level(loud, BELL) == "high"
    loud.pass_time(7)
    assert level(loud, BELL) == "low"
    assert facts(loud) == []


def test_a_bell_that_is_switched_off_does_not_ring(loud: Bench) -> None:
    with loud.store() as store:
        store.insert("timed_alarms", [{"id": 1, "name": "break", "start": 46_800, "mon": 1}])
    loud.configure({"general": {"bell_enabled": 0}})
    wall(loud, "12:59:55")
    loud.pass_time(10)
    assert level(loud, BELL) == "low"


def test_a_mains_failure_is_a_fault_and_no_alarm(loud: Bench) -> None:
    move(loud, MAINS, high=False)
    (fault,) = loud.controller.status().faults
    assert (fault.part, fault.name, fault.why) == ("power", "mains_fail", "the mains has failed")
    move(loud, MAINS, high=True)
    assert loud.controller.status().faults == ()
    assert [body["why"] for body in loud.journal(EntryKind.FAULT)] == ["the mains has failed", None]
    assert facts(loud) == []


# what a changed site leaves


def test_an_alarm_of_an_input_that_is_gone_gets_its_off(wired: Path, start: Start) -> None:
    with start(wired) as bench:
        move(bench, AT_FRONT, high=False)
        move(bench, ZONE_1, high=False, wait_s=5)
    site = wired / SITE_FILE
    text = site.read_text(encoding="utf-8")
    text = text.replace('tamper = { pin = 21, idle = "high" }\ntamper_disables = true\n', "")
    text = text.replace("[[zone]]\nnumber = 1\npin = 24\n", "[[zone]]\nnumber = 3\npin = 24\n")
    site.write_text(text, encoding="utf-8")
    with start(wired) as again:
        again.pass_time(5)
        assert again.alarms()[-2:] == [(OFF, TAMPERED, 1), (OFF, 1, 0)]
