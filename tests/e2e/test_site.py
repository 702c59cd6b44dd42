"""The site file and its runtime directory, as somebody meets them who types commands."""

from __future__ import annotations

import json
import os
import pty
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Home, Maker

SITE = """
[site]
name = "Depot"
timezone = "Europe/Berlin"
board = "simulated"
hats = ["generic-relay-high"]

[[door]]
id = 1
name = "front"
title = "Main entrance"
egress = "mechanical"
lock = { pin = 17, kind = "magnet" }
"""


@pytest.fixture
def homeless(home: Home, make: Maker) -> Iterator[Maker]:
    """Makes sites for somebody without a runtime directory of the system's."""
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        lone = type(home)(Path(name), home.forks)
        temporary = lone.new_path()
        temporary.mkdir()
        lone.environment["TMPDIR"] = str(temporary)
        del lone.environment["XDG_RUNTIME_DIR"]
        yield type(make)(lone)


def test_a_file_is_checked_without_a_data_directory(home: Home) -> None:
    file = home.new_path()
    file.write_text(SITE)
    good = home.type("check", file)
    assert good.returncode == 0, good.stderr
    file.write_bytes(SITE.replace("Depot", "Büro").encode("cp1252"))
    bad = home.type("check", file)
    assert bad.returncode == 1
    assert "line 3" in bad.stderr
    assert "UTF-8" in bad.stderr
    assert home.type("check").returncode == 2
    assert home.type("check", home.new_path()).returncode == 1


def test_a_directory_below_the_temporary_one_is_gone_after_an_orderly_end(homeless: Maker) -> None:
    site = homeless.site(SITE)
    temporary = Path(site.home.environment["TMPDIR"])
    for _ in range(2):
        with homeless.run(site) as running:
            assert running.runtime.path.parent == temporary
            # The magnet is on, as its kind and the relay board say.
            assert running.board.high(17)
            assert running.stop() == 0
        assert list(temporary.iterdir()) == []


TWO_DOORS = (
    SITE
    + """
[[door]]
id = 2
name = "back"
egress = "mechanical"
lock = { pin = 18, kind = "strike" }

[[reader]]
name = "back"
index = 1
kind = "serial_qr"
portal = 2
port = "simulated"
"""
)


@pytest.mark.parametrize(("answer", "rules"), [("y", [1]), ("n", []), ("", [])])
def test_init_asks_on_a_terminal_whether_every_portal_opens(
    home: Home, answer: str, rules: list[int]
) -> None:
    file, data = home.new_path(), home.new_path()
    file.write_text(TWO_DOORS)
    leader, follower = pty.openpty()
    with open(follower, "r+b", buffering=0) as terminal:  # noqa: PTH123 - a descriptor
        process = home.start(
            *("init", "--data", data, "--site", file),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
    os.write(leader, f"{answer}\n".encode())
    assert process.wait(60) == 0
    os.close(leader)
    listed = home.type("portal", "list", "--data", data, "--json")
    assert [row["rules"] for row in json.loads(listed.stdout)] == [[1], rules]
