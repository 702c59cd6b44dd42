"""Somebody has a shell of the api's user on an installed device: doors open, root is not fooled.

The attacks on files and sockets are those of the chaos tests; here the users, units and the service
manager are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.chaos import attacks

from . import intruder
from .board import MAGNET, STRIKE, Board, Watch
from .conftest import Note
from .machine import Machine, eventually
from .services import API, CONTROLLER, Services, Unit
from .users import API_GROUP, API_USER, SHARED_GROUP, as_api

DATA, RUN, OWN = "/var/lib/gateway", "/run/gateway", "/var/lib/gateway/api-run"
PROGRAMS, GATEWAY = "/usr/lib/vm", "/opt/gateway/bin/gateway"
OF_ROOT = "/root/secret"
LONGEST_S = 8.0
"""From the card to the open door, in the time of the machine, whose processor is ten times slower
than a desktop's."""

ROUNDS = {"links": ("links",)}
"""Attacks of the chaos tests that go on at the same time."""
STARTS_TOO = "links"
"""Meanwhile the controller is started anew, and root uses its commands."""


class Device:
    """The installed device, and an intruder in its api."""

    def __init__(self, machine: Machine, board: Board, services: Services) -> None:
        self.machine, self.board, self.services = machine, board, services
        self.longest_s = 0.0

    def controller(self) -> Unit:
        return self.services.look(CONTROLLER)

    def opens(self) -> None:
        """Ana is let in at the front door, and no other edge happens."""
        watch = Watch(self.board)
        seen = len(self.board.edges(STRIKE))
        swiped_s = self.board.swipe("front")
        eventually(lambda: len(watch.edges(STRIKE)) == 2, "the strike's two edges")
        assert watch.edges(STRIKE) == [True, False]
        assert watch.edges(MAGNET) == []
        took_s = self.board.edges(STRIKE)[seen].at_s - swiped_s
        assert took_s < LONGEST_S
        self.longest_s = max(self.longest_s, took_s)

    def of_others(self) -> str:
        """Names, owners and modes of the controller's and root's files, and root's contents."""
        places = f"{DATA} {DATA}/controller {RUN} {OF_ROOT} /etc/passwd /etc/shadow /etc/hostname"
        look = "-path '*/api*' -prune -o -not -name '*-journal' -printf '%p %u %g %m %y %l\\n'"
        listed = self.machine.run("sh", "-c", f"find {places} -maxdepth 1 {look} | sort -u")
        sums = f"sha256sum {OF_ROOT} /etc/passwd /etc/shadow {DATA}/gateway.toml"
        return listed + self.machine.run("sh", "-c", sums)

    @contextmanager
    def attacked(self, names: tuple[str, ...]) -> Iterator[None]:
        ids = f"$(id -u {API_USER}) $(getent group {API_GROUP} {SHARED_GROUP} | cut -d: -f3)"
        try:
            for number, name in enumerate(names):
                out = f"/run/attack{number}"
                unit = (
                    f"systemd-run -q --collect -u attack{number} -p StandardOutput=truncate:{out}"
                )
                program = f"python3 {PROGRAMS}/attacks.py {ids} '{name}' {DATA} {RUN} {OWN}"
                self.machine.run("sh", "-ec", f"{unit} -p KillSignal=KILL {program}")
                eventually(partial(self._begun, out), f"{name} begun")
            yield
        finally:
            begun = (f"attack{number}" for number in range(len(names)))
            self.machine.run("systemctl", "stop", *begun, codes=(0, 5))

    def _begun(self, out: str) -> bool:
        return "begun" in self.machine.read(out)

    def renew(self) -> None:
        """Put the api's files back as before."""
        files = f"rm -rf {DATA}/api/* {OWN}/*; cp -a /root/api/. {DATA}/api/"
        self.machine.run("sh", "-ec", f"{files}; systemd-tmpfiles --create gateway.conf")


@pytest.fixture(scope="module")
def device(machine: Machine, board: Board, services: Services) -> Iterator[Device]:
    """The api is stopped: somebody else has its place."""
    machine.write(OF_ROOT, "precious\n")
    machine.run("chmod", "600", OF_ROOT)
    for module in (attacks, intruder):
        source = Path(str(module.__file__))
        machine.write(f"{PROGRAMS}/{source.name}", source.read_text())
    machine.run("systemctl", "stop", API)
    machine.run("cp", "-a", f"{DATA}/api", "/root/api")
    yield Device(machine, board, services)
    machine.run("systemctl", "start", API)


@pytest.mark.parametrize("round_", ROUNDS)
def test_doors_open_under_attack(device: Device, round_: str) -> None:
    device.renew()
    before, others = device.controller(), device.of_others()
    with device.attacked(ROUNDS[round_]):
        device.opens()
        assert device.controller() == before
        if round_ == STARTS_TOO:
            device.machine.run("systemctl", "restart", CONTROLLER)
            device.opens()
            for words in (("doctor",), ("passwd", "--stdin")):
                command = (GATEWAY, *words, "--data", DATA)
                device.machine.run(*command, text="a-new-password\n", codes=(0, 1))
    assert device.of_others() == others


def test_the_intruder_reaches_no_other_process_and_none_of_roots_files(device: Device) -> None:
    before, others = device.controller(), device.of_others()
    words = ("python3", f"{PROGRAMS}/intruder.py", before.process, OF_ROOT)
    assert json.loads(device.machine.run(*as_api(*words))) == []
    device.opens()
    assert device.controller() == before
    assert device.of_others() == others


FULL = f"""
import os
def fill(folder):
    made = 0
    try:
        while made < 2_000_000:
            os.close(os.open(f"{{folder}}/{{made}}", os.O_CREAT, 0o600))
            made += 1
    except OSError:
        pass
    size = 1 << 30
    file = os.open(f"{{folder}}/0", os.O_RDWR)
    at = 0
    while size >= 4096:
        try:
            os.posix_fallocate(file, at, size)
            at += size
        except OSError:
            size //= 2
os.mkdir("{DATA}/api/full")
fill("{DATA}/api/full")
"""


def test_the_controller_starts_on_a_disk_that_the_intruder_has_filled(device: Device) -> None:
    device.renew()
    device.machine.run(*as_api("python3", "-c", FULL), timeout_s=600)
    try:
        free = device.machine.run("stat", "-f", "-c", "%a %d", DATA).split()
        assert free == ["0", "0"], "blocks and inodes that the intruder left"
        device.opens()
        device.machine.run("systemctl", "restart", CONTROLLER)
        device.opens()
    finally:
        device.machine.run("rm", "-r", f"{DATA}/api/full", timeout_s=600)


def test_both_come_back(device: Device, services: Services, note: Note) -> None:
    device.renew()
    device.machine.run("systemctl", "start", API)
    eventually(services.api_answers, "an api that answers", pause_s=1.0)
    device.opens()
    note(f"under attack, card to relay at most {device.longest_s:.2f} s")
