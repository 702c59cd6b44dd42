"""The API's log tables are the journal's, exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.store import Store

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Site:
    """A journal with a controller's hand, and the store beside it."""

    def __init__(self, path: Path) -> None:
        Journal.create(path / "journal.db")
        self.journal = Journal(path / "journal.db", "boot")
        self.reader = JournalReader(path / "journal.db")
        self.store = Store.create(path / "store.db", REGISTRY, lambda: 99)
        self.projection = Projection(self.store, self.reader)

    def access(self, number: int, *, user: int = 0, event: int = 3, **row: Any) -> None:
        body = {
            "row": {
                "id": number,
                "time": 1000 + number,
                "event": event,
                "device_id": 1,
                "identifier_id": 0,
                "user_id": user,
                "portal_id": 1,
                "identification_rule_id": 0,
                **row,
            },
            "rules": [1, 2] if event == 7 else [],
            "reason": "x",
            "trace": [],
        }
        self.journal.append([Entry(EntryKind.ACCESS, body, NOW, 1, clock_trusted=True)], {})

    def rows(self, table: str, **request: Any) -> list[dict[str, Any]]:
        return list(self.store.load({"object": table, "order": ["id"], **request}).rows)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.store.close()
    made.reader.close()
    made.journal.close()


def test_rows_and_their_rules_appear_with_their_ids(site: Site) -> None:
    site.store.insert("users", [{"id": 5, "name": "Eva", "registration": ""}])
    site.access(1, user=5, event=7, card_value=(1 << 64) - 1)
    site.projection.catch_up()
    (row,) = site.rows("access_logs")
    assert (row["id"], row["event"], row["user_id"]) == (1, 7, 5)
    assert row["card_value"] == (1 << 64) - 1
    assert row["log_type_id"] == -1
    links = list(site.store.load({"object": "access_log_access_rules"}).rows)
    assert links == [
        {"access_log_id": 1, "access_rule_id": 1},
        {"access_log_id": 1, "access_rule_id": 2},
    ]


def test_a_grant_is_the_last_access_and_no_change_of_the_person(site: Site) -> None:
    site.store.insert("users", [{"id": 5, "name": "Eva", "registration": ""}])
    changes = len(site.rows("change_logs"))
    site.access(1, user=5, event=7)
    site.access(2, user=5, event=6)
    site.projection.catch_up()
    assert site.rows("users")[0]["last_access"] == 1001
    assert len(site.rows("change_logs")) == changes


def test_the_uses_of_a_credential_are_shown_to_whoever_asks_for_them(site: Site) -> None:
    site.store.insert("users", [{"id": id_, "name": f"P{id_}"} for id_ in (5, 6)])
    site.store.insert("cards", [{"id": 3, "user_id": 5, "value": 77, "uses": 4, "used": 4}])
    changes = len(site.rows("change_logs"))
    for owner, used in ((5, 1), (5, 2), (6, 3)):
        body = {"object": "cards", "row_id": 3, "user_id": owner, "used": used}
        entry = Entry(EntryKind.CREDENTIAL_USED, body, NOW, 1, clock_trusted=True)
        site.journal.append([entry], {})
    version = site.store.change_mark()
    site.projection.catch_up()

    [row] = site.rows("cards", fields=["uses", "used"])
    assert row == {"uses": 4, "used": 2}
    assert "used" not in site.rows("cards")[0]
    assert (len(site.rows("change_logs")), site.store.change_mark()) == (changes, version)


def test_what_is_projected_is_not_projected_again(site: Site) -> None:
    site.access(1)
    site.projection.catch_up()
    site.store.destroy("access_logs")
    site.access(2)
    Projection(site.store, site.reader).catch_up()
    assert [row["id"] for row in site.rows("access_logs")] == [2]


def test_a_crash_between_rows_and_cursor_repeats_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.access(1)
    site.access(2)

    class Died(Exception):
        pass

    with monkeypatch.context() as patch:
        insert = Projection._insert

        def die(self: Projection, entries: Any) -> None:
            insert(self, entries)
            raise Died

        patch.setattr(Projection, "_insert", die)
        with pytest.raises(Died):
            site.projection.catch_up()
    assert site.rows("access_logs") == []
    Projection(site.store, site.reader).catch_up()
    assert [row["id"] for row in site.rows("access_logs")] == [1, 2]


def test_a_long_journal_is_projected_whole(site: Site) -> None:
    entries = [
        Entry(
            EntryKind.ALARM,
            {
                "row": {
                    "id": number,
                    "event": 1,
                    "cause": 1,
                    "user_id": 0,
                    "time": number,
                    "access_log_id": 0,
                    "door_id": 0,
                }
            },
            NOW,
            1,
            clock_trusted=True,
        )
        for number in range(1, 1201)
    ]
    site.journal.append(entries, {})
    site.projection.catch_up()
    assert len(site.rows("alarm_logs")) == 1200


def test_the_journal_wins_over_a_row_that_a_client_moved_into_its_way(site: Site) -> None:
    site.access(1)
    site.projection.catch_up()
    site.store.modify("access_logs", {"id": 2})
    site.access(2, card_value=7)
    site.projection.catch_up()
    assert [row["card_value"] for row in site.rows("access_logs")] == [7]


def accesses(first: int, last: int) -> list[Entry]:
    """Grants by two rules, with the ids `first` to `last`."""
    row = {"event": 7, "device_id": 1, "user_id": 0, "portal_id": 1}
    return [
        Entry(
            EntryKind.ACCESS,
            {"row": {"id": number, "time": number, **row}, "rules": [1, 2], "reason": "x"},
            NOW,
            1,
            clock_trusted=True,
        )
        for number in range(first, last + 1)
    ]


def kept(site: Site) -> list[int]:
    return [row["id"] for row in site.rows("access_logs", fields=["id"])]


def test_a_full_table_loses_its_oldest_rows_and_their_rules(site: Site) -> None:
    projection = Projection(site.store, site.reader, capacity=1_000)
    site.journal.append(accesses(1, 1_600), {})
    projection.catch_up()
    found = kept(site)
    assert found == list(range(found[0], 1_601))
    assert 990 <= len(found) <= 1_000
    links = site.store.load({"object": "access_log_access_rules"}).rows
    assert [link["access_log_id"] for link in links] == [n for n in found for _ in (1, 2)]


def test_a_full_table_stays_within_its_capacity_row_by_row(site: Site) -> None:
    projection = Projection(site.store, site.reader, capacity=1_000)
    site.journal.append(accesses(1, 995), {})
    projection.catch_up()
    for number in range(996, 1_040):
        site.journal.append(accesses(number, number), {})
        projection.catch_up()
        found = kept(site)
        assert found == list(range(found[0], number + 1))
        assert 990 <= len(found) <= 1_000


def test_rows_are_dropped_only_when_there_are_too_many_not_by_their_ids(site: Site) -> None:
    projection = Projection(site.store, site.reader, capacity=1_000)
    site.journal.append(accesses(1, 900), {})
    projection.catch_up()
    site.store.destroy("access_logs", {"access_logs": {"id": {">": 10}}})
    site.journal.append(accesses(901, 1_800), {})
    projection.catch_up()
    assert kept(site) == [*range(1, 11), *range(901, 1_801)]


def test_a_capacity_that_was_lowered_is_reached_in_parts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.journal.append(accesses(1, 1_500), {})
    site.projection.catch_up()
    monkeypatch.setattr("gateway.store.journal.projection._PRUNED", 300)
    projection = Projection(site.store, site.reader, capacity=1_000)
    lengths = []
    for number in range(1_501, 1_504):
        site.journal.append(accesses(number, number), {})
        projection.catch_up()
        lengths.append(len(kept(site)))
    assert lengths == [1_201, 990, 991]


def test_what_was_dropped_is_still_in_the_journal(site: Site) -> None:
    projection = Projection(site.store, site.reader, capacity=1_000)
    site.journal.append(accesses(1, 1_100), {})
    projection.catch_up()
    assert kept(site)[0] > 1
    assert site.reader.after(0, 1)[0].body["row"]["id"] == 1
