"""The words for a server that cannot be asked, and for a threat level."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.explain.state_words import SERVER, states_in_force
from gateway.link.messages import OnlineStatus, ThreatStatus
from tests.unit.explain.test_entry_words import names
from tests.unit.statuses import AT_REST

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


def told(online: OnlineStatus | None) -> list[str]:
    status = AT_REST.model_copy(update={"online": online})
    return [text for subject, text in states_in_force(status, names(), NOW) if subject == SERVER]


@pytest.mark.parametrize(
    ("contingency", "meanwhile"), [(True, "this device decides"), (False, "everybody is denied")]
)
def test_a_server_that_is_away_is_told_with_who_decides(
    *, contingency: bool, meanwhile: str
) -> None:
    [text] = told(OnlineStatus(mode="pro", reachable=False, contingency=contingency, why="refused"))
    assert "refused" in text
    assert meanwhile in text


def test_a_server_that_answers_is_no_state_to_tell() -> None:
    assert told(OnlineStatus(mode="pro", reachable=True, contingency=False)) == []
    assert told(None) == []


def test_a_threat_level_is_told_with_who_set_it_and_what_ends_it() -> None:
    now = ThreatStatus(level=2, name="guards", login="eva", reason="a fight", since_utc=1)
    [(subject, text)] = states_in_force(AT_REST.model_copy(update={"threat": now}), names(), NOW)
    assert subject == "threat level"
    assert text == (
        "level 2 (guards), set by eva (a fight), without an end; set_threat_level with "
        '{"level":0} ends it'
    )


def test_a_threat_level_that_lost_its_definition_is_told() -> None:
    now = ThreatStatus(level=3, until_utc=int(NOW.timestamp()) + 60)
    [(_, text)] = states_in_force(AT_REST.model_copy(update={"threat": now}), names(), NOW)
    assert "until 15:01" in text
    assert "so nobody passes" in text
