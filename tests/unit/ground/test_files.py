"""Small files are read within bounds, and replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.files import make_way, move_aside, read_whole, sweep_unfinished, write_whole
from gateway.host.certificate import server_context


def test_what_is_no_small_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe, large, device = tmp_path / "pipe", tmp_path / "large", Path("/dev/zero")
    os.mkfifo(pipe)
    large.touch()
    os.truncate(large, 1 << 40)
    for path in (pipe, large, device, tmp_path, tmp_path / "none"):
        with pytest.raises(OSError, match=r"Not a regular|More than 10|Is a dir|No such"):
            read_whole(path, 10)
        with pytest.raises(OSError, match=r"Not a regular|More than|Is a dir|No such"):
            server_context(path)


def test_a_file_that_its_check_refuses_leaves_the_old_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)

    def refuse(fresh: Path) -> None:
        assert fresh.read_bytes() == b"new"
        raise ValueError("no use")

    with pytest.raises(ValueError, match="no use"):
        write_whole(path, b"new", check=refuse)
    assert [(it.name, it.read_bytes()) for it in tmp_path.iterdir()] == [("file", b"old")]
    write_whole(path, b"new", like=path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "https.pem"
    left, other = tmp_path / ".https.pem.abcd_123", tmp_path / ".other.pem.abcd_123"
    for file in (left, other):
        file.write_text("secret")

    def look(fresh: Path) -> None:
        assert not left.exists()
        sweep_unfinished(path)
        assert fresh.exists()

    write_whole(path, b"new", check=look)
    assert sorted(tmp_path.iterdir()) == [other, path]


def test_a_directory_in_the_place_of_a_socket_is_put_aside(tmp_path: Path) -> None:
    place = tmp_path / "socket"
    place.touch()
    make_way(place)
    make_way(place)
    for number in range(1, 10):
        place.mkdir()
        make_way(place)
        assert (tmp_path / f"socket.aside-{number}").is_dir()
    place.mkdir()
    with pytest.raises(FileExistsError, match="delete them"):
        move_aside(place)
