"""Hours without any server: what waits is bounded, what is dropped is counted, order stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.settings import ServerSettings
from gateway.uplink.outbox import BATCH

from .outbox_site import OutboxSite, counts, drain

HOUR_S = 3_600
AT_ONCE = 10
"""Events of one instant."""
MOST_TRIES_AN_HOUR = 121
"""A try each 30 to 60 s, and one."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[OutboxSite]:
    with closing(OutboxSite(tmp_path)) as made:
        yield made


@pytest.mark.parametrize(
    ("hours", "every_s", "settings", "kept"),
    [
        pytest.param(8, 100, ServerSettings(), 2_880, id="8 hours, nothing is dropped"),
        pytest.param(8, 100, ServerSettings(keep_rows=1_000), 1_000, id="8 hours, keep_rows"),
        pytest.param(30, 600, ServerSettings(keep_days=1), 24 * 60, id="30 hours, keep_days"),
    ],
)
def test_after_hours_without_a_server_what_is_kept_arrives_in_order_and_the_rest_is_counted(
    site: OutboxSite, hours: int, every_s: int, settings: ServerSettings, kept: int
) -> None:
    outbox = site.outbox(settings)
    outbox.work()
    site.channel.away = True
    for _ in range(hours * HOUR_S // every_s):
        site.alarm(AT_ONCE)
        left_s = float(every_s)
        while left_s > 0:  # as the thread does: woken by entries and at the end of pauses
            pause_s = outbox.work()
            passing_s = left_s if pause_s is None else min(left_s, pause_s + 0.001)
            site.clock.advance(passing_s)
            left_s -= passing_s
        assert len(outbox._queue) <= BATCH
        state = outbox.state
        assert state is not None
        assert state.backlog + state.dropped == site.alarms
        assert state.backlog <= settings.keep_rows
    assert site.channel.tried <= hours * MOST_TRIES_AN_HOUR
    assert site.channel.got == []

    site.channel.away = False
    drain(site, outbox)
    dropped = int(site.channel.events[0]) - 1
    # By age, what happened together goes together, also while the time passes until the next try.
    assert site.alarms - kept <= dropped <= site.alarms - kept + AT_ONCE
    assert site.channel.events == [str(it) for it in range(dropped + 1, site.alarms + 1)]
    assert counts(outbox) == (site.alarms - dropped, 0, dropped, 0)
    assert outbox.journal_seq == site.reader.last_seq()
