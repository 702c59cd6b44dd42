"""Device time: what the API's time columns hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import DeviceTime, ManualClock, SiteZone, SystemClock, WireTime

SAO_PAULO = SiteZone(ZoneInfo("America/Sao_Paulo"))
BERLIN = SiteZone(ZoneInfo("Europe/Berlin"))


def test_a_column_holds_the_local_wall_clock_counted_as_utc() -> None:
    noon = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    wall = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert DeviceTime(SAO_PAULO).stamp(noon) == int(wall.timestamp())


def test_a_site_may_choose_true_utc_and_schedules_stay_local() -> None:
    noon = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    moment = DeviceTime(SAO_PAULO, WireTime.UTC).moment(noon)
    assert moment.stamp == int(noon.timestamp())
    assert moment.local == moment.stamp - 3 * 3600


def test_the_hour_skipped_in_spring_is_never_stamped_and_the_repeated_one_twice() -> None:
    berlin = DeviceTime(BERLIN)
    spring = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)
    assert berlin.local(spring + timedelta(seconds=1)) - berlin.local(spring) == 3601
    autumn = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert berlin.local(autumn) == berlin.local(autumn + timedelta(hours=1))


@pytest.mark.parametrize(
    ("offset", "hours"), [("UTC-3", -3), ("UTC+12", 12), ("UTC+0", 0), ("UTC-12", -12)]
)
def test_a_fixed_offset_overrides_the_site(offset: str, hours: int) -> None:
    zone = SiteZone(ZoneInfo("Europe/Berlin"))
    zone.override(offset)
    assert zone().utcoffset(datetime(2026, 7, 1)) == timedelta(hours=hours)  # noqa: DTZ001 - wall


@pytest.mark.parametrize("text", ["", "UTC", "UTC-99", "GMT-3", "-3", "UTC-3:30"])
def test_any_other_text_leaves_the_site_in_force(text: str) -> None:
    zone = SiteZone(ZoneInfo("Europe/Berlin"))
    zone.override(text)
    assert zone() == ZoneInfo("Europe/Berlin")


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - naive by contract
def test_local_time_reads_back_as_the_wall_clock(wall: datetime) -> None:
    utc = wall.replace(tzinfo=UTC)
    shown = datetime.fromtimestamp(DeviceTime(SAO_PAULO).local(utc), UTC)
    expected = utc.astimezone(SAO_PAULO()).replace(tzinfo=UTC, microsecond=0)
    assert shown == expected


def test_setting_the_wall_clock_leaves_the_monotonic_one_alone() -> None:
    clock = SystemClock()
    before = clock.monotonic_ns()
    clock.set_utc(datetime(2030, 1, 1, tzinfo=UTC))
    assert clock.utc().year == 2030
    assert clock.monotonic_ns() - before < 60 * 1_000_000_000
    assert clock.shift > timedelta(days=300)
    clock.set_utc(None)
    assert clock.shift == timedelta()


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.set_utc(datetime(2027, 1, 1, tzinfo=UTC))
    clock.advance(1.5)
    assert clock.utc() == datetime(2027, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert clock.monotonic_ns() == 2_500_000_000
