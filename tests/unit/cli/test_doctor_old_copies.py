"""Doctor names copies from before that hold secrets, and how to remove them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.cli.doctor.old_copies import aside_copies, copy_findings, upgrade_copies
from gateway.objects.catalogue import REGISTRY
from gateway.sealing import Sealer
from gateway.store.objects.store import Store

FORMS = Path(__file__).parents[1] / "store/forms"
NOW = Sealer.random()
FORMER = Sealer.random()


def older(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((FORMS / "store-3.sql").read_text())


def sealed(sealer: Sealer) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with Store.create(path, REGISTRY, lambda: 0, sealer) as store:
            store.insert("users", [{"id": 1, "name": "Ana"}])
            store.insert("pins", [{"user_id": 1, "value": "73910462"}])

    return make


def journal(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.with_name("journal.db").write_text(text)

    return make


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (older, "in clear text"),
        (journal('{"row":{"pin_value":"73910462"}}'), "in clear text"),
        (journal('{"row":{"pin_value":""}}'), None),
        (sealed(FORMER), "with a former key"),
        (sealed(NOW), None),
    ],
    ids=["older form", "clear journal", "empty journal", "former key", "present key"],
)
def test_a_copy_of_an_upgrade_is_named_with_what_removes_it(
    make: Callable[[Path], None], said: str | None, tmp_path: Path
) -> None:
    copy = tmp_path / "20260101T000000Z"
    copy.mkdir()
    make(copy / "store.db")
    found = [it.text for it in copy_findings(upgrade_copies(tmp_path), NOW.key_id)]
    assert len(found) == (said is not None)
    for text in found:
        assert said is not None
        assert said in text
        assert text.endswith(f"sudo rm -r {copy}")


def test_what_was_put_aside_as_damaged_is_named_too(tmp_path: Path) -> None:
    older(tmp_path / "store.db.damaged-20260101T000000Z")
    (tmp_path / "store.db.damaged-pipe").symlink_to("/dev/zero")
    (text,) = [it.text for it in copy_findings(aside_copies(tmp_path), NOW.key_id)]
    assert text.endswith(f"sudo rm {tmp_path}/store.db.damaged-20260101T000000Z")


def test_nothing_is_said_where_no_upgrade_was(tmp_path: Path) -> None:
    assert upgrade_copies(tmp_path / "none") == []
