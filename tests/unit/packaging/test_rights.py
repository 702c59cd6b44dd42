"""Who may do what with which file: the users and directories that the systemd units rest on."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest

from .device import API, CONTROLLER, SERVER, Device, Process

WRITERS = {"journal.db": (CONTROLLER, API), "store.db": (API, CONTROLLER)}
"""Database -> its writer, its reader."""


@pytest.fixture(params=WRITERS)
def database(device: Device, request: pytest.FixtureRequest) -> str:
    """A database as `gateway init`, run by root, leaves it."""
    name = str(request.param)
    root = Process((0, [0]), f"file:{device.data / name}?mode=rwc")
    assert root.sql("PRAGMA journal_mode=WAL") == [["wal"]]
    root.sql("CREATE TABLE entry (value)")
    root.end()
    device.tidy()
    return name


def count(process: Process) -> Any:
    return process.sql("SELECT count(*) FROM entry")


def test_the_reader_follows_the_writer(device: Device, database: str) -> None:
    writer_name, reader_name = WRITERS[database]
    writer = device.start(writer_name, database)
    reader = device.start(reader_name, database, "ro")
    for rows in range(1, 4):
        assert writer.sql("INSERT INTO entry VALUES (1)") == []
        assert count(reader) == [[rows]]
    assert writer.sql("PRAGMA wal_checkpoint(TRUNCATE)") == [[0, 0, 0]]
    assert writer.sql("INSERT INTO entry VALUES (1)") == []
    assert count(reader) == [[4]]
    writer.end()
    reader.end()


@pytest.mark.parametrize("end", [Process.end, Process.kill])
def test_the_reader_reads_while_the_writer_is_away_and_does_not_stand_in_its_way(
    device: Device, database: str, end: Any
) -> None:
    writer_name, reader_name = WRITERS[database]
    writer = device.start(writer_name, database)
    assert writer.sql("INSERT INTO entry VALUES (1)") == []
    end(writer)
    device.tidy()
    reader = device.start(reader_name, database, "ro")
    assert count(reader) == [[1]]
    again = device.start(writer_name, database)
    assert again.sql("INSERT INTO entry VALUES (1)") == []
    assert count(reader) == [[2]]
    again.end()
    device.tidy()
    assert count(reader) == [[2]]
    reader.end()


def test_the_reader_can_neither_write_nor_replace_nor_add_anything(
    device: Device, database: str
) -> None:
    writer_name, reader_name = WRITERS[database]
    writer = device.start(writer_name, database)
    assert writer.sql("INSERT INTO entry VALUES (1)") == []
    file = (device.data / database).resolve()
    beside = [file.with_name(f"{database}{end}") for end in ("", "-wal", "-shm")]
    for path in beside:
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    reader = device.start(reader_name, database, "rw")
    assert reader.sql("INSERT INTO entry VALUES (2)") == "OperationalError"
    for path in beside:
        assert reader.ask("unlink", str(path)) == "PermissionError"
    assert reader.ask("write", f"{file}-journal") == "PermissionError"
    link = str(device.data / database)
    assert reader.ask("unlink", link) == "PermissionError"
    assert reader.ask("rename", link, f"{link}.old") == "PermissionError"
    assert count(writer) == [[1]]
    reader.end()
    writer.end()


def test_the_api_neither_replaces_nor_adds_anything_in_the_controllers_runtime_directory(
    device: Device,
) -> None:
    controller, api = device.start(CONTROLLER), device.start(API)
    socket = str(device.runtime / "commands")
    own = str(device.top / "var/lib/gateway/api-run/clock-set")
    assert controller.ask("write", socket) is None
    assert api.ask("write", own) is None
    assert api.ask("unlink", socket) == "PermissionError"
    assert api.ask("rename", own, socket) == "PermissionError"
    for verb in ("mkfifo", "mkdir", "write"):
        assert api.ask(verb, str(device.runtime / "facts")) == "PermissionError"
    assert controller.ask("open", own, os.O_RDONLY) is None
    controller.end()
    api.end()


def test_each_can_lock_its_own_data_and_the_other_cannot(device: Device) -> None:
    users = {"controller": CONTROLLER, "api": API}
    for role, user in users.items():
        lock = device.data / role / f"{role}.lock"
        lock.touch(0o644)  # as a program that root ran might leave it
        device.tidy()
        owner = device.start(user)
        [other] = [device.start(one) for one in users.values() if one != user]
        assert owner.ask("open", str(lock), os.O_RDWR) is None
        assert other.ask("open", str(lock), os.O_RDONLY) == "PermissionError"
        assert other.ask("unlink", str(lock)) == "PermissionError"
        owner.end()
        other.end()


def test_the_api_reaches_the_controllers_socket_and_not_its_locks(device: Device) -> None:
    server = Process(device.users[CONTROLLER], program=SERVER, address=str(device.runtime))
    client = device.start(API)
    assert client.ask("connect", str(device.runtime / "commands")) is None
    lock = str(device.runtime / "controller.lock")
    assert client.ask("open", lock, os.O_RDONLY) == "PermissionError"
    client.end()
    server.end()


def test_nobody_else_enters(device: Device) -> None:
    stranger = Process((65_534, [65_534]))
    for directory in (device.data, device.runtime):
        assert stranger.ask("listdir", str(directory)) == "PermissionError"
        assert stranger.ask("stat", str(directory / "gateway.toml")) == "PermissionError"
    stranger.end()


def test_the_site_file_is_read_by_both_and_written_by_the_controller(device: Device) -> None:
    accepted = device.data / "gateway.toml.accepted"
    for name in ("gateway.toml", "gateway.toml.accepted"):
        (device.data / name).write_text("")
        (device.data / name).chmod(0o600)
    device.tidy()
    site, trial = device.data / "gateway.toml", device.data / "controller/site-trial.json"
    controller, api = device.start(CONTROLLER), device.start(API)
    for path in (site, accepted):
        assert controller.ask("write", f"{path}.new") is None
        assert controller.ask("rename", f"{path}.new", str(path)) is None
    assert controller.ask("write", str(trial)) is None
    device.tidy()
    for path in (site, accepted):
        assert api.ask("open", str(path), os.O_RDONLY) is None
        assert api.ask("open", str(path), os.O_WRONLY) == "PermissionError"
        assert api.ask("unlink", str(path)) == "PermissionError"
    assert api.ask("unlink", str(trial)) == "PermissionError"
    controller.end()
    api.end()


def test_the_key_of_https_is_the_apis_alone_and_it_can_replace_it(device: Device) -> None:
    key = device.data / "api/https.pem"
    key.write_text("")
    key.chmod(0o600)
    device.tidy()
    controller, api = device.start(CONTROLLER), device.start(API)
    assert controller.ask("open", str(key), os.O_RDONLY) == "PermissionError"
    assert api.ask("open", str(key), os.O_RDONLY) is None
    assert api.ask("write", f"{key}.new") is None
    assert api.ask("rename", f"{key}.new", str(key)) is None
    controller.end()
    api.end()
