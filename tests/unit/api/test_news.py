"""What sends to servers is woken by changes, not by each heartbeat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.api.news import LONGEST_S, News
from gateway.link.messages import ControllerStatus, DeviceStatus, DoorStatus, Fact
from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store
from tests.unit.statuses import AT_REST

DOOR = DoorStatus(
    id=1, name="front", open=False, unlocked=False, mode="normal", sensor_open=None, alarms=()
)
READER = DeviceStatus(
    name="front", kind="wiegand", online=True, health="online", why="", since_s=1.0
)
STATUS = AT_REST.model_copy(update={"doors": (DOOR,), "devices": (READER,)})


class Heard:
    """A store and what is heard beside it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_s = 100.0
        self.news = News(store, lambda: self.now_s)

    def brings(self, status: ControllerStatus | None = STATUS, kind: str = "heartbeat") -> bool:
        return self.news.brought_by(Fact.model_validate({"kind": kind, "status": status}))


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    with Store.create(tmp_path / "store.db", REGISTRY, lambda: 0) as store:
        made = Heard(store)
        assert made.brings()
        yield made


def test_a_heartbeat_without_a_change_is_no_news(heard: Heard) -> None:
    later = READER.model_copy(update={"since_s": 9.0, "counters": {"edges": 3}})
    assert not heard.brings()
    assert not heard.brings(STATUS.model_copy(update={"devices": (later,), "clock_shift_s": 0.1}))


@pytest.mark.parametrize(
    "change",
    [
        {"doors": (DOOR.model_copy(update={"unlocked": True}),)},
        {"devices": (READER.model_copy(update={"online": False}),)},
        {"journal_seq": 6},
        {"pid": 2},
    ],
    ids=lambda it: next(iter(it)),
)
def test_a_state_that_changed_is_news_once(heard: Heard, change: dict[str, object]) -> None:
    changed = STATUS.model_copy(update=change)
    assert heard.brings(changed)
    assert not heard.brings(changed)


def test_a_committed_entry_is_news_each_time(heard: Heard) -> None:
    assert heard.brings(None, "journal")
    assert heard.brings(None, "journal")


def test_a_write_to_the_database_is_news_once(heard: Heard) -> None:
    heard.store.set_configuration({"general": {"online": "1"}})
    assert heard.brings()
    assert not heard.brings()


def test_a_silence_is_news_when_it_begins_and_when_it_ends(heard: Heard) -> None:
    assert heard.news.brought_by(None)
    assert not heard.news.brought_by(None)
    assert heard.brings()


def test_now_and_then_there_is_a_reason_to_look_without_one(heard: Heard) -> None:
    heard.now_s += LONGEST_S
    assert heard.brings()
    assert not heard.brings()
