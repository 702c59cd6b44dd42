"""Somebody has taken the api over and does what its user can: doors go on, and the api comes back.

The controller runs without any of root's capabilities, the attacker as a user of its own, and the
directories have the owners and modes that `systemd/tmpfiles.d/gateway.conf` gives them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import Home, Site

from . import attacks
from .units import API, CONTROLLER, LONG, Units

if TYPE_CHECKING:
    from .conftest import Begin

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's place, as root alone can"),
]

API_USER, GROUP = 61_002, 61_000
UNPRIVILEGED = (
    "setpriv",
    f"--regid={GROUP}",
    "--clear-groups",
    "--bounding-set=-all",
    "--inh-caps=-all",
)


class Installed:
    """A site with the directories of an installation."""

    def __init__(self, used: Site, top: Path) -> None:
        top.chmod(0o755)
        self.data, self.run, self.own = top / "data", top / "run", top / "own"
        shutil.copytree(used.data, self.data, symlinks=True)
        self.site = replace(used, data=self.data, home=Home(top, used.home.forks))
        for folder, files in (
            ("controller", "journal.db mirror.db"),
            ("api", "store.db https.pem"),
        ):
            (self.data / folder).mkdir()
            for name in files.split():
                for path in list(self.data.glob(f"{name}*")):
                    path.rename(self.data / folder / path.name)
                if name in ("journal.db", "store.db"):
                    (self.data / name).symlink_to(f"{folder}/{name}")
        for path, mode, user, group in (
            (self.data, 0o1770, 0, GROUP),
            (self.data / "controller", 0o755, 0, 0),
            (self.data / "api", 0o775, 0, API_USER),
            (self.run, 0o750, 0, GROUP),
            (self.own, 0o750, API_USER, GROUP),
        ):
            path.mkdir(exist_ok=True)
            os.chown(path, user, group)
            path.chmod(mode)
        self.give()
        self._kept = top / "kept"
        shutil.copytree(self.data / "api", self._kept)
        self.units = Units(
            self.site, controller=UNPRIVILEGED, directories={CONTROLLER: self.run, API: self.own}
        )

    def give(self, api_user: int = API_USER) -> None:
        """Set owners of files as systemd-tmpfiles does before each start."""
        for folder, user in (("controller", 0), ("api", api_user)):
            for suffix in ("", "-wal", "-shm"):
                name = {"controller": "journal.db", "api": "store.db"}[folder]
                path = self.data / folder / f"{name}{suffix}"
                if not path.exists():
                    path.touch()
                if not path.is_symlink():
                    os.chown(path, user, GROUP)
                    path.chmod(0o640)
        os.chown(self.data / "gateway.toml", 0, GROUP)

    @contextmanager
    def attacked(self, name: str) -> Iterator[None]:
        words = [API_USER, API_USER, GROUP, name, self.data, self.run, self.own]
        process = subprocess.Popen(
            [sys.executable, attacks.__file__, *map(str, words)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n", f"{name} did not begin"
            yield
        finally:
            process.kill()
            process.communicate()

    def renew(self) -> None:
        """Put the api's files back, as a restore does."""
        for folder in (self.data / "api", self.own):
            for path in folder.iterdir():
                path.unlink()
        for path in self._kept.iterdir():
            shutil.copy(path, self.data / "api" / path.name)
        self.give()


SWIPES = 20
"""Of each attack in a long run, for p50 and p99."""
STARTS_TOO = ("held locks", "leases", "pipes", "links")
"""In a bounded run the controller starts under these attacks only."""


@pytest.fixture(scope="module")
def house(used: Site) -> Iterator[Installed]:
    """An installation whose api somebody has taken over."""
    with tempfile.TemporaryDirectory(prefix="gw-") as directory:
        installed = Installed(used, Path(directory))
        with installed.units as units:
            units.kept = [units.controller]
            assert units.check().opened
            yield installed


@pytest.mark.parametrize("name", ["nothing", *attacks.ATTACKS])
def test_doors_go_on_under_attack(house: Installed, begin: Begin, name: str) -> None:
    tallies = [begin(f"api: {name}")]
    house.renew()
    starts = house.units.controller.starts
    with house.attacked(name):
        for number in range(SWIPES if LONG else 1):
            tallies[0].note(house.units, str(number))
        if house.units.controller.starts != starts:
            tallies[0].broken.append(f"{name} ended the controller")
        if LONG or name in STARTS_TOO:
            house.units.controller.kill()
            tallies.append(begin(f"api: {name}, controller starts"))
            tallies[1].note(house.units, "0")
    for each in tallies:
        each.judge()
        assert each.opened == each.tried


def test_both_come_back_after_all_attacks(house: Installed, begin: Begin) -> None:
    house.renew()
    # The api runs as root here: another user may not be able to run this environment.
    house.give(api_user=0)
    (house.data / "api").chmod(0o755)
    house.units.kept = [house.units.controller, house.units.api]
    tally = begin("api: itself again")
    tally.note(house.units, "0")
    tally.judge()
    assert tally.opened
