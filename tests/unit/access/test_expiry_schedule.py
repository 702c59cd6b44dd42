"""When expired people lose their credentials: looked at once a minute, as the device does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.access.expiry_schedule import ExpiryState, check_expiry
from gateway.clock import DeviceTime, ManualClock

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""Nine in the morning at the site."""
TIME = DeviceTime(lambda: ZoneInfo("America/Sao_Paulo"))
HOUR, DAY = 60, 24 * 60
"""Minutes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Watched:
    """A device that looks at its clock; what it remembers goes on while it is off."""

    def __init__(self, reboot_s: int = 0) -> None:
        self.clock = ManualClock(START)
        self.reboot_s = reboot_s
        self.state: ExpiryState | None = None
        self.cleared: list[str] = []

    def check(self, *, trusted: bool = True) -> None:
        utc = self.clock.utc()
        seen = check_expiry(
            self.state,
            (utc - _EPOCH) // timedelta(seconds=1),
            TIME.local(utc),
            self.reboot_s,
            trusted=trusted,
        )
        self.state = seen.state
        if seen.due:
            wall = datetime.fromtimestamp(TIME.local(utc), UTC)
            self.cleared.append(f"{wall:%d %H:%M}")

    def on_for(self, minutes: int, *, trusted: bool = True) -> None:
        for _ in range(minutes):
            self.check(trusted=trusted)
            self.clock.advance(60)

    def off_for(self, minutes: int) -> None:
        self.clock.advance(60 * minutes)

    def set_ahead(self, minutes: int) -> None:
        self.clock.set_utc(self.clock.utc() + timedelta(minutes=minutes))


@pytest.fixture
def proved() -> Watched:
    """A device that has been on for a day and more: it is ten in the morning of the 24th."""
    device = Watched()
    device.on_for(25 * HOUR)
    device.cleared.clear()
    return device


def test_a_new_device_clears_nothing_on_its_first_day() -> None:
    device = Watched()
    device.on_for(DAY)
    assert device.cleared == []


def test_it_comes_once_a_day_sixteen_minutes_after_the_reboot(proved: Watched) -> None:
    proved.on_for(3 * DAY)
    assert proved.cleared == ["25 00:16", "26 00:16", "27 00:16"]


def test_the_time_of_the_reboot_is_the_site_s() -> None:
    device = Watched(reboot_s=22 * 3_600 + 50 * 60)
    device.on_for(3 * DAY)
    assert device.cleared == ["24 23:06", "25 23:06"]


def test_a_clock_that_is_not_trusted_clears_nothing(proved: Watched) -> None:
    proved.on_for(2 * DAY, trusted=False)
    assert proved.cleared == []


@pytest.mark.parametrize("minutes", [DAY + 60, 30 * DAY, 365 * DAY])
def test_after_a_jump_of_more_than_a_day_a_day_has_to_pass(proved: Watched, minutes: int) -> None:
    proved.set_ahead(minutes)
    proved.on_for(DAY)
    assert proved.cleared == []
    proved.on_for(DAY)
    assert len(proved.cleared) == 1


def test_after_a_jump_back_of_more_than_a_day_it_is_the_same(proved: Watched) -> None:
    proved.set_ahead(-10 * DAY)
    proved.on_for(2 * DAY)
    assert proved.cleared == ["16 00:16"]


def test_a_clock_that_is_wrong_for_an_hour_takes_nothing_away(proved: Watched) -> None:
    proved.set_ahead(100 * DAY)
    proved.on_for(HOUR)
    proved.set_ahead(-100 * DAY)
    proved.on_for(14 * HOUR)
    assert proved.cleared == []


def test_a_turn_that_came_while_the_device_was_off_is_taken_at_its_start(proved: Watched) -> None:
    proved.on_for(10 * HOUR)
    proved.off_for(12 * HOUR)
    proved.on_for(HOUR)
    assert proved.cleared == ["25 08:00"]


def test_two_days_without_power_are_a_jump(proved: Watched) -> None:
    proved.off_for(2 * DAY)
    proved.on_for(HOUR)
    assert proved.cleared == []


@pytest.mark.parametrize(
    "change",
    [
        lambda device: device.set_ahead(-3 * HOUR),
        lambda device: setattr(device, "reboot_s", 5 * 3_600),
    ],
    ids=["the clock goes back", "the reboot comes later"],
)
def test_no_day_comes_twice(proved: Watched, change: Callable[[Watched], None]) -> None:
    proved.on_for(15 * HOUR)
    assert proved.cleared == ["25 00:16"]
    change(proved)
    proved.on_for(12 * HOUR)
    assert proved.cleared == ["25 00:16"]
