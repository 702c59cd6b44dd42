"""A clock that was ahead once, on a whole device: who is locked out, and how that ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

CARD_OF_ANA = "123,45678"


def test_a_clock_that_was_two_months_ahead_is_trusted_again_once_it_is_set(
    make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    site = make.demo()
    running = start(site)
    now = datetime.now(UTC)
    running.api.modify("users", {"end_time": int((now + timedelta(days=365)).timestamp())}, id=1)
    site.sim("clock", "set", (now + timedelta(days=60)).isoformat())
    eventually(lambda: running.status().clock_verdict == "set_by_hand", "a clock set by hand")
    assert running.swiped(CARD_OF_ANA)["event"] == 7
    running.wait_locked()
    assert running.stop() == 0

    running = start(site)
    status = running.status()
    if status.clock_verdict == "network_time":
        return  # this machine's clock is set by a time server, which overrides the journal too
    assert (status.clock_trusted, status.clock_verdict) == (False, "behind_floor")
    assert running.swiped(CARD_OF_ANA)["event"] == 6
    told = site.type("doctor").stdout
    (line,) = [line for line in told.splitlines() if line.startswith("fail clock:")]
    assert (now + timedelta(days=60)).strftime("%Y-%m-%d") in line
    assert "gateway sim clock set" in line

    site.sim("clock", "set", datetime.now(UTC).isoformat())
    eventually(lambda: running.status().clock_trusted, "a trusted clock")
    assert "fail clock:" not in site.type("doctor").stdout
    running.wait_locked()
    assert running.swiped(CARD_OF_ANA)["event"] == 7
    whys = [entry.body["why"] for entry in site.journal() if entry.kind == "clock"]
    assert whys == ["set_by_hand", "behind_floor", "set_by_hand"]
    assert running.stop() == 0
