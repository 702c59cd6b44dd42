"""Secrets are sealed in every file, and readable by whoever has the key alone."""

from __future__ import annotations

import io
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.doctor.findings import Grade
from gateway.cli.doctor.sealing import sealing_findings
from gateway.cli.init import init
from gateway.cli.key import key
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import InvalidRequest, KeyUnusable
from gateway.files import move_aside
from gateway.objects.catalogue import REGISTRY
from gateway.sealing import KEY_FILE, Sealer, is_sealed, new_key, read_key, sealer_at, write_key
from gateway.settings.seal_key import sealer_of
from gateway.store.backup import Backups
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.seals import SINCE, sealed_fields
from gateway.store.objects.store import Store
from gateway.store.policy.people import PeopleReader
from gateway.store.tables.identity import DeviceIdentity, store_identity
from tests.demo_site import DEMO

from .forms.freeze import NOON

FORMS = Path(__file__).parent / "forms"
PASSPHRASE = "correct horse battery"
PIN, HASH, CODE_KEY, PEER = "73910462", "hash-of-ana", "key-of-the-card", "word-of-peer"
SECRETS = (PIN, HASH, CODE_KEY, PEER)


def opened(path: Path) -> Store:
    return Store.open(path, REGISTRY, lambda: 0)


def filled(directory: Path, device: int = 50_000) -> Store:
    store = Store.create(directory / "store.db", REGISTRY, lambda: 0)
    with store.transaction():
        store_identity(store.database, DeviceIdentity(device))
    store.insert("users", [{"id": 1, "name": "Ana", "password": HASH}, {"id": 2, "name": "Bo"}])
    store.insert("pins", [{"user_id": 1, "value": PIN}, {"user_id": 2, "value": "5550123"}])
    store.insert("cards", [{"user_id": 1, "value": 77, "secret": CODE_KEY}])
    store.insert("devices", [{"id": 9, "name": "peer", "ip": "10.0.0.9", "password": PEER}])
    store.set_configuration({"mifare": {"authentication_key": "mifare-key"}})
    return store


def rows(store: Store, name: str, **search: object) -> list[dict[str, Any]]:
    return list(store.load({"object": name, **search}).rows)


def secrets_of(store: Store) -> tuple[Any, ...]:
    return (
        [row["value"] for row in rows(store, "pins", order=["id"])],
        rows(store, "users", fields=["password"], where={"users": {"id": 1}})[0]["password"],
        [row["secret"] for row in rows(store, "cards", fields=["secret"])],
        [row["password"] for row in rows(store, "devices", fields=["password"])],
        store.configuration({"mifare": ["authentication_key"]})["mifare"]["authentication_key"],
    )


WHOLE = ([PIN, "5550123"], HASH, [CODE_KEY], [PEER], "mifare-key")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with filled(tmp_path) as made:
        yield made


def backups(store: Store, path: Path, device: int = 50_000) -> Backups:
    return Backups(store, path, DeviceIdentity(device), "1.2.3", threading.Lock())


def lose_key(directory: Path) -> bytes:
    key = read_key(directory / KEY_FILE)
    (directory / KEY_FILE).unlink()
    sealer_at(directory / KEY_FILE).reload()
    return key


def test_no_file_holds_a_secret_in_clear_text(store: Store, tmp_path: Path) -> None:
    assert secrets_of(store) == WHOLE
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert not [it for it in (*SECRETS, "mifare-key") if it.encode() in data], path.name


def test_every_secret_text_of_an_object_is_sealed() -> None:
    named = {f"{declared.name}.{field.name}" for declared, field in sealed_fields(REGISTRY)}
    assert named >= {"pins.value", "users.password", "users.salt", "users.panic_password"}
    assert named >= {"cards.secret", "devices.password", "access_logs.pin_value"}
    assert named >= {"network_interlocking_rules.password"}


def test_a_pin_is_found_by_every_comparison_and_is_unique(store: Store) -> None:
    def found(condition: object, **more: object) -> list[int]:
        return [
            row["user_id"]
            for row in rows(store, "pins", where={"pins": {"value": condition}}, **more)
        ]

    assert found(PIN) == [1]
    assert found({"IN": [PIN, "1"]}) == [1]
    assert found({"!=": PIN}) == [2]
    assert found({"LIKE": "55%"}) == [2]
    assert found({">": "6"}) == [1]
    assert [row["value"] for row in rows(store, "pins", order=["value"])] == ["5550123", PIN]
    with pytest.raises(InvalidRequest, match="UNIQUE"):
        store.modify("pins", {"value": PIN}, {"pins": {"user_id": 2}})


def test_a_sealed_value_counts_in_its_own_field_alone(store: Store) -> None:
    sealed = store.database.execute_sql("SELECT password FROM devices").fetchone()[0]
    assert is_sealed(sealed)
    store.database.execute_sql("UPDATE users SET password = ?", (sealed,))
    assert rows(store, "users", fields=["password"])[0]["password"] == ""


def test_without_its_key_a_store_shows_no_secret_and_takes_none(tmp_path: Path) -> None:
    filled(tmp_path).close()
    key = lose_key(tmp_path)
    with opened(tmp_path / "store.db") as store:
        assert "missing" in (store.key_fault or "")
        assert secrets_of(store) == (["", ""], "", [""], [""], "////////")
        for write in (
            lambda: store.insert("pins", [{"user_id": 2, "pin_type": 1, "value": "12345678"}]),
            lambda: store.modify("users", {"password": ""}),
        ):
            with pytest.raises(KeyUnusable, match="missing"):
                write()
        store.modify("users", {"name": "Anna"}, {"users": {"id": 1}})
    write_key(tmp_path / KEY_FILE, new_key())
    sealer_at(tmp_path / KEY_FILE).reload()
    with opened(tmp_path / "store.db") as store:
        assert "sealed with" in (store.key_fault or "")
    write_key(tmp_path / KEY_FILE, key)
    sealer_at(tmp_path / KEY_FILE).reload()
    with opened(tmp_path / "store.db") as store:
        assert store.key_fault is None
        assert secrets_of(store) == WHOLE


def test_a_store_in_which_nothing_is_sealed_gets_another_key(tmp_path: Path) -> None:
    Store.create(tmp_path / "store.db", REGISTRY, lambda: 0).close()
    lose_key(tmp_path)
    with opened(tmp_path / "store.db") as store:
        assert store.key_fault is None


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_a_key_that_others_may_read_or_change_is_not_used(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    write_key(path, new_key())
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match="chmod 640"):
        read_key(path)


def test_a_door_grants_no_pin_without_the_key_and_goes_on_with_cards(tmp_path: Path) -> None:
    pin = Credential(CredentialKind.PIN, PIN)
    card = Credential(CredentialKind.CARD, 77)
    with filled(tmp_path) as store:
        people = PeopleReader(store.database, store.models)
        assert people.find(pin).person is not None
        assert people.find(card).secret == CODE_KEY
        assert people.find(Credential(CredentialKind.PIN, "1")).person is None
    lose_key(tmp_path)
    with opened(tmp_path / "store.db") as store:
        people = PeopleReader(store.database, store.models)
        with pytest.raises(KeyUnusable):
            people.find(pin)
        with pytest.raises(KeyUnusable):
            people.find_by_password(1, "any")
        found = people.find(card)
        assert found.person is not None
        assert found.secret not in ("", CODE_KEY)


def test_a_backup_without_a_passphrase_leaves_secrets_out_and_says_so(
    store: Store, tmp_path: Path
) -> None:
    made = backups(store, tmp_path / "store.db")
    file = made.make("now")
    data = b"".join(file.pieces)
    assert file.stamp.sealed is None
    assert file.stamp.left_out == {
        "cards": 1,
        "configuration": 1,
        "devices": 1,
        "pins": 2,
        "users": 1,
    }
    assert b"s1:" not in data
    done = made.restore(io.BytesIO(data))
    assert done.left_out == file.stamp.left_out
    pins, password, [code_key], peers, mifare = secrets_of(store)
    assert (pins, password, peers, mifare) == ([], "", [""], "////////")
    assert code_key not in ("", CODE_KEY)  # an empty one would let plain codes in


def test_a_backup_with_a_passphrase_needs_it_on_another_device_alone(
    store: Store, tmp_path: Path
) -> None:
    made = backups(store, tmp_path / "store.db")
    data = b"".join(made.make("now", PASSPHRASE).pieces)
    assert not [it for it in SECRETS if it.encode() in data]
    store.clear()
    made.restore(io.BytesIO(data))
    assert secrets_of(store) == WHOLE
    (tmp_path / "other").mkdir()
    with Store.create(tmp_path / "other" / "store.db", REGISTRY, lambda: 0) as other:
        there = backups(other, tmp_path / "other" / "store.db", 60_000)
        with other.transaction():
            store_identity(other.database, DeviceIdentity(60_000))
        before = other.policy_version()
        for wrong, said in (("", "give its passphrase"), ("another horse", "not that of this")):
            with pytest.raises(InvalidRequest, match=said):
                there.restore(io.BytesIO(data), wrong)
        assert other.policy_version() == before
        there.restore(io.BytesIO(data), PASSPHRASE)
        assert secrets_of(other) == WHOLE
        there.restore(io.BytesIO(data), without_secrets=True)
        assert secrets_of(other)[0] == []
    with pytest.raises(InvalidRequest, match="10 to 256"):
        made.make("now", "short")


def test_another_key_opens_what_the_former_one_opened(store: Store) -> None:
    assert store.rekey(Sealer.random()) == {}
    assert secrets_of(store) == WHOLE
    store.sealer = Sealer.unusable("lost")
    assert store.rekey(Sealer.random()) == {
        "cards": 1,
        "configuration": 1,
        "devices": 1,
        "pins": 2,
        "users": 1,
    }
    assert secrets_of(store)[0] == []


@pytest.mark.parametrize("form", range(1, SINCE))
def test_an_upgrade_leaves_no_clear_text_in_the_file(form: int, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("device_stamp", 0, lambda: 0)
        connection.executescript((FORMS / f"store-{form}.sql").read_text())
        connection.execute("PRAGMA journal_mode = wal").fetchall()
        connection.execute("UPDATE users SET password = ?", (HASH,))
        connection.execute("UPDATE pins SET value = ? WHERE id = 1", (PIN,))
        # What was there before is in freed pages.
        connection.execute("UPDATE users SET salt = ?", (PEER * 400,))
        connection.execute("UPDATE users SET salt = ''")
    assert PIN.encode() in path.read_bytes()
    with opened(path) as store:
        assert rows(store, "pins", where={"pins": {"id": 1}})[0]["value"] == PIN
        changed = {row["table_name"] for row in rows(store, "change_logs", order=["id"])[-2:]}
        assert "pins" not in changed
        for suffix in ("", "-wal"):
            data = Path(f"{path}{suffix}").read_bytes()
            assert not [it for it in (PIN, HASH, PEER) if it.encode() in data], suffix


def test_the_journal_seals_pins_of_now_and_of_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.create(path)
    row = {"id": 1, "time": 1, "event": 7, "user_id": 1, "pin_value": PIN}
    body = {"row": row, "rules": [], "reason": "granted"}
    entry = Entry(EntryKind.ACCESS, body, NOON, 1, clock_trusted=True)
    sealer = Sealer.random()
    with closing(Journal(path, "boot")) as journal:  # without a key they are left out
        journal.append([entry], {})
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute(
            'UPDATE journal SET body = replace(body, \'"pin_value":""\', ?)',
            (f'"pin_value":"{PIN}"',),
        )
        old.execute("PRAGMA application_id = 0")
    with closing(Journal(path, "boot", sealer)) as journal:
        journal.append([entry], {})
        while journal.seal_some():
            pass
    assert PIN.encode() not in path.read_bytes()
    with closing(JournalReader(path)) as reader:
        found = [entry.body["row"]["pin_value"] for entry in reader.after(0, 9)]
    assert [sealer.open("access_logs.pin_value", it) for it in found] == [PIN, PIN]


def test_a_power_cut_amid_a_new_key_loses_nothing(tmp_path: Path) -> None:
    """The store names the new key, and the new key is not in its place yet."""
    path, made = tmp_path / KEY_FILE, new_key()
    with filled(tmp_path) as store:
        write_key(path.with_name(f"{KEY_FILE}.new"), made)
        store.rekey(Sealer.of(made))
    sealer_at(path).reload()
    with opened(tmp_path / "store.db") as store:
        assert secrets_of(store) == WHOLE
    assert read_key(path) == made
    done = CliRunner().invoke(key, ["--data", str(tmp_path), "--new"])
    assert done.exit_code == 0, done.output
    assert "Lost" not in done.output
    assert read_key(path) != made
    with opened(tmp_path / "store.db") as store:
        assert secrets_of(store) == WHOLE


def test_two_programs_that_open_a_new_store_at_once_make_one_key(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store.create(path, REGISTRY, lambda: 0).close()
    lose_key(tmp_path)
    with closing(sqlite3.connect(path)) as old:
        old.execute("DELETE FROM sealing")
        old.commit()
    inside: list[bool] = []

    class Watched(Sealer):
        def ensure(self) -> None:
            with closing(sqlite3.connect(path, timeout=0)) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    inside.append(True)
            super().ensure()

    Store.open(path, REGISTRY, lambda: 0, Watched.at(tmp_path / KEY_FILE)).close()
    assert inside == [True]


def test_a_key_in_a_directory_that_is_shut_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(path: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    sealer = Sealer.at(tmp_path / "key")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", shut)
        with pytest.raises(KeyUnusable, match=r"key .* cannot be reached"):
            sealer.ensure()


def test_only_a_person_makes_the_key_at_a_place_that_the_site_file_names(tmp_path: Path) -> None:
    """It may be on a stick that is plugged in later, and would be hidden."""
    data, stick = named_place(tmp_path)
    stick.mkdir()
    made = CliRunner().invoke(init, ["--data", str(data)])
    assert made.exit_code == 0, made.output
    assert list(stick.iterdir()) == [stick / "gateway.key"]
    stick.rename(tmp_path / "pulled")
    stick.mkdir()
    sealer_of(data).reload()
    with opened(data / "store.db") as store:
        assert "gateway.key is missing" in (store.key_fault or "")
        assert store.insert("users", [{"name": "Ana"}])
    assert list(stick.iterdir()) == []
    assert not (data / KEY_FILE).exists()
    stick.rmdir()
    (tmp_path / "pulled").rename(stick)
    sealer_of(data).reload()
    with opened(data / "store.db") as store:
        assert store.key_fault is None


def named_place(directory: Path) -> tuple[Path, Path]:
    """A data directory whose site file names a key, and the directory of that."""
    data, stick = directory / "data", directory / "stick"
    data.mkdir()
    site = DEMO
    named = f'\n[sealing]\nkey_file = "{stick}/gateway.key"\n'
    (data / "gateway.toml").write_text(site + named)
    return data, stick


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key.write_text("no key"),
        lambda key: key.write_bytes(b""),
        lambda key: key.mkdir(),
        lambda key: key.symlink_to(key),
        os.mkfifo,
    ],
    ids=["another file", "empty", "a directory", "a loop", "a pipe"],
)
def test_an_upgrade_without_a_usable_key_comes_up_and_seals_when_there_is_one(
    spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    path, key_file = tmp_path / "store.db", tmp_path / KEY_FILE
    thaw(SINCE - 1, path)
    spoil(key_file)
    sealer_at(key_file).reload()
    with opened(path) as store:
        assert store.key_fault
        assert not store.outdated
        assert rows(store, "pins", fields=["value"])[0]["value"] == ""
        with pytest.raises(KeyUnusable):
            store.modify("pins", {"value": "12345678"}, {"pins": {"id": 1}})
        store.modify("users", {"name": "Anna"}, {"users": {"id": 1}})
        people = PeopleReader(store.database, store.models)
        assert people.find(Credential(CredentialKind.PIN, PIN)).person is not None
        (found, *_) = [it for it in sealing_findings(tmp_path, None) if it.grade is Grade.FAIL]
        assert "clear text" in found.text
        move_aside(key_file)
        write_key(key_file, new_key())
        sealer_at(key_file).reload()
        assert store.outdated
    with opened(path) as store:
        assert store.key_fault is None
        assert not store.outdated
        assert rows(store, "pins", where={"pins": {"id": 1}})[0]["value"] == PIN
    for suffix in ("", "-wal"):
        beside = Path(f"{path}{suffix}")
        assert not beside.exists() or PIN.encode() not in beside.read_bytes()


def test_a_new_key_is_made_where_a_store_waits_for_one(tmp_path: Path) -> None:
    data, stick = named_place(tmp_path)
    thaw(SINCE - 1, data / "store.db")
    stick.mkdir()
    done = CliRunner().invoke(key, ["--data", str(data)])
    assert done.exit_code == 1
    done = CliRunner().invoke(key, ["--data", str(data), "--new"])
    assert done.exit_code == 0, done.output
    assert "Lost" not in done.output
    with opened(data / "store.db") as store:
        assert rows(store, "pins", where={"pins": {"id": 1}})[0]["value"] == PIN


def thaw(form: int, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((FORMS / f"store-{form}.sql").read_text())
        connection.execute("PRAGMA journal_mode = wal").fetchall()
        connection.execute("UPDATE pins SET value = ? WHERE id = 1", (PIN,))


def access(pin: str) -> Entry:
    row = {"id": 1, "time": 1, "event": 7, "user_id": 1, "pin_value": pin}
    body = {"row": row, "rules": [], "reason": "granted"}
    return Entry(EntryKind.ACCESS, body, NOON, 1, clock_trusted=True)


def test_the_journal_forgets_pins_of_a_former_key_once_the_store_has_another(
    tmp_path: Path,
) -> None:
    path, old, new = tmp_path / "journal.db", Sealer.random(), Sealer.random()
    Journal.create(path)

    def pins(sealer: Sealer, store_key: str | None) -> list[str]:
        with closing(Journal(path, "boot", sealer, lambda: store_key)) as journal:
            journal.append([access(PIN)], {})
            while journal.seal_some():
                pass
        with closing(JournalReader(path)) as reader:
            found = [entry.body["row"]["pin_value"] for entry in reader.after(0, 9)]
        return [sealer.opened("access_logs.pin_value", it) or it[:3] for it in found]

    assert pins(old, old.key_id) == [PIN]
    # By mistake the key of another device, or the store cannot be read: nothing is emptied.
    assert pins(new, old.key_id) == ["s1:", PIN]
    assert pins(new, None) == ["s1:", PIN, PIN]
    assert pins(new, new.key_id) == ["", PIN, PIN, PIN]
    for suffix in ("", "-wal"):
        beside = Path(f"{path}{suffix}")
        assert not beside.exists() or f"s1:{old.key_id}".encode() not in beside.read_bytes()


@pytest.mark.parametrize("lost", [True, False], ids=["without the key", "with another key"])
def test_accesses_reach_the_log_tables_whatever_their_pins_are_sealed_with(
    lost: bool, tmp_path: Path
) -> None:
    sealer = sealer_at(tmp_path / KEY_FILE)
    filled(tmp_path).close()
    Journal.create(tmp_path / "journal.db")
    with closing(Journal(tmp_path / "journal.db", "boot", sealer)) as journal:
        journal.append([access(PIN)], {})
    former = lose_key(tmp_path) if lost else b""
    reader = JournalReader(tmp_path / "journal.db")
    with closing(reader), opened(tmp_path / "store.db") as store:
        if not lost:
            store.rekey(Sealer.random())
        Projection(store, reader, 1_000).catch_up()
        assert [row["pin_value"] for row in rows(store, "access_logs")] == [""]
    if lost:
        write_key(tmp_path / KEY_FILE, former)
        sealer.reload()
        with opened(tmp_path / "store.db") as store:
            assert [row["pin_value"] for row in rows(store, "access_logs")] == [PIN]


def test_a_new_key_leaves_nothing_that_the_former_one_opens(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with filled(tmp_path) as store:
        former = store.sealer.key_id
        store.modify("pins", {"value": "99887766"}, {"pins": {"user_id": 2}})
    done = CliRunner().invoke(key, ["--data", str(tmp_path), "--new"])
    assert done.exit_code == 0, done.output
    for suffix in ("", "-wal"):
        beside = Path(f"{path}{suffix}")
        assert not beside.exists() or f"s1:{former}".encode() not in beside.read_bytes(), suffix
    with opened(path) as store:
        assert secrets_of(store)[0] == [PIN, "99887766"]


def test_no_key_takes_the_place_of_a_device_that_a_link_leads_to(tmp_path: Path) -> None:
    filled(tmp_path).close()
    device = tmp_path / "device"
    os.mkfifo(device)
    (tmp_path / KEY_FILE).unlink()
    (tmp_path / KEY_FILE).symlink_to(device)
    done = CliRunner().invoke(key, ["--data", str(tmp_path), "--new"])
    assert isinstance(done.exception, KeyUnusable)
    assert "remove it" in str(done.exception)
    assert device.is_fifo()
