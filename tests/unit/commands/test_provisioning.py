"""`init`: what a new data directory holds, and what it never leaves behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.commands.provisioning import initialise, set_password
from gateway.errors import DataDirectoryError, GatewayError, SettingsError
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SITE_FILE, with_end
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts

SITE = """
[site]
name = "Depot"
timezone = "Europe/Berlin"
board = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
strike = { pin = 17, locked = "low", unlocked = "high" }
rex = { pin = 22, pull = "down" }

[[door]]
id = 3
name = "shed"
egress = "mechanical"
strike = { pin = 18, locked = "low", unlocked = "high" }

[[reader]]
name = "gate"
index = 1
portal = 1
kind = "wiegand"
d0 = 5
d1 = 6

[[reader]]
name = "shed"
index = 2
portal = 3
kind = "wiegand"
d0 = 7
d1 = 8

[[zone]]
number = 4
pin = 9
pull = "down"

[initial.general]
relay1_timeout = 5000
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def _store(data: Path) -> Store:
    return Store.open(data / STORE_FILE, REGISTRY, lambda: 0)


def test_the_password_shown_is_the_one_that_logs_in_and_is_nowhere_on_disk(data: Path) -> None:
    password = initialise(data, SITE, demo=False)
    assert len(password) == 16
    with _store(data) as store:
        account = Accounts(store, lambda: 0).verify("admin", password)
        assert account is not None
        assert account.login == "admin"
    for path in data.iterdir():
        assert password.encode() not in path.read_bytes()


def test_two_sites_have_different_passwords_and_ids(tmp_path: Path) -> None:
    sites = [tmp_path / "a", tmp_path / "b"]
    assert len({initialise(site, SITE, demo=False) for site in sites}) == 2
    ids = set()
    for site in sites:
        with closing(sqlite3.connect(site / STORE_FILE)) as connection:
            ids.add(connection.execute("SELECT device_id FROM device_identity").fetchone())
    assert len(ids) == 2


def test_the_wiring_becomes_rows_and_switches(data: Path) -> None:
    initialise(data, SITE, demo=False)
    with _store(data) as store:

        def rows(name: str, *fields: str) -> list[tuple[object, ...]]:
            found = store.load({"object": name, "fields": list(fields)}).rows
            return [tuple(row[field] for field in fields) for row in found]

        assert rows("portals", "id", "name") == [(1, "gate"), (3, "shed")]
        assert rows("actions", "id", "parameters") == [(1, "door=1"), (3, "door=3")]
        assert rows("portal_actions", "portal_id", "action_id") == [(1, 1), (3, 3)]
        assert rows("portal_access_rules", "portal_id", "access_rule_id") == [(1, 1)]
        assert rows("alarm_zones", "zone", "enabled", "active_level") == [(4, 1, 1)]
        assert rows("users", "id") == []
        general = store.configuration(
            {"general": ["relay1_timeout", "buttonhole1_enabled", "buttonhole1_idle"]}
        )["general"]
    assert general == {
        "relay1_timeout": "5000",
        "buttonhole1_enabled": "1",
        "buttonhole1_idle": "0",
    }


def test_data_is_never_made_anew(data: Path) -> None:
    initialise(data, SITE, demo=False)
    before = (data / STORE_FILE).read_bytes()
    with pytest.raises(DataDirectoryError, match="initialised already"):
        initialise(data, SITE, demo=False)
    assert (data / STORE_FILE).read_bytes() == before


def test_a_lost_store_beside_a_journal_is_not_made_anew(data: Path) -> None:
    initialise(data, SITE, demo=False)
    (data / STORE_FILE).unlink()
    with pytest.raises(DataDirectoryError, match=JOURNAL_FILE):
        initialise(data, None, demo=False)


@pytest.mark.parametrize(
    "wrong",
    [
        SITE.replace('name = "Depot"', "colour = 1"),
        SITE.replace("relay1_timeout", "relay1_timeuot"),
        SITE.replace("5000", '"long"'),
        "not toml",
    ],
)
def test_a_wrong_site_leaves_nothing_behind(data: Path, wrong: str) -> None:
    with pytest.raises(GatewayError):
        initialise(data, wrong, demo=False)
    assert not data.exists()


def test_a_failure_in_a_directory_that_was_there_takes_back_its_own_files_only(data: Path) -> None:
    data.mkdir()
    (data / "mine.txt").write_text("keep", encoding="utf-8")
    (data / SITE_FILE).write_text(SITE.replace("5000", '"long"'), encoding="utf-8")
    with pytest.raises(GatewayError):
        initialise(data, None, demo=False)
    assert sorted(path.name for path in data.iterdir()) == [SITE_FILE, "mine.txt"]


def test_a_site_file_is_taken_from_the_directory_and_never_overwritten(data: Path) -> None:
    data.mkdir()
    (data / SITE_FILE).write_text(SITE, encoding="utf-8")
    with pytest.raises(DataDirectoryError, match="already; leave --demo"):
        initialise(data, SITE, demo=False)
    initialise(data, None, demo=False)
    # Its end line alone is added.
    assert (data / SITE_FILE).read_text(encoding="utf-8") == with_end(SITE)


def test_without_a_site_there_is_nothing_to_make(data: Path) -> None:
    with pytest.raises(SettingsError, match="--demo or --site"):
        initialise(data, None, demo=False)
    assert not data.exists()


def test_passwd_replaces_the_password(data: Path) -> None:
    old = initialise(data, SITE, demo=False)
    set_password(data, "admin", "a new one")
    with _store(data) as store:
        accounts = Accounts(store, lambda: 0)
        assert accounts.verify("admin", old) is None
        assert accounts.verify("admin", "a new one") is not None


def test_titles_are_the_names_of_the_rows(data: Path) -> None:
    titled = SITE.replace('name = "gate"\negress', 'name = "gate"\ntitle = "Hof, Süd"\negress')
    titled = titled.replace("portal = 3\n", 'portal = 5\ntitle = "Shed inside"\n')
    initialise(data, titled, demo=False)
    with _store(data) as store:
        names = {
            name: [(row["id"], row["name"]) for row in store.load({"object": name}).rows]
            for name in ("portals", "actions")
        }
    assert names == {
        "portals": [(1, "Hof, Süd"), (5, "Shed inside")],
        "actions": [(1, "Hof, Süd"), (3, "shed")],
    }


def test_a_value_of_initial_that_is_none_is_refused_by_its_table(data: Path) -> None:
    wrong = SITE.replace("relay1_timeout", "relay1_timout")
    with pytest.raises(SettingsError, match=r"\[initial[.]general\] relay1_timout: unknown key"):
        initialise(data, wrong, demo=False)
    assert not data.exists()
