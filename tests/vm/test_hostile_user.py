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

ROUNDS = {
    "sockets": (
        "connections without end",
        "a listener that stops",
        "clients that leave",
        "descriptors in messages",
    ),
    "locks": ("held locks", "a read-locked journal", "leases", "an exclusive lock"),
    "the store": ("rules that always change", "a huge value", "a table without end"),
    "its files": ("a cut index", "a journal that names another", "removal of all it can"),
    "links": ("links",),
    "pipes": ("pipes",),
    "sizes": ("files of a terabyte", "a store that comes and goes"),
}
"""Attacks that go on at the same time. All of the chaos tests' are in one of them."""
STARTS_TOO = ("locks", "links", "pipes")
"""The controller is started anew while these go on."""


def test_each_attack_of_the_chaos_tests_is_in_a_round() -> None:
    assert sorted(name for names in ROUNDS.values() for name in names) == sorted(attacks.ATTACKS)


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
        for number, name in enumerate(names):
            out = f"/run/attack{number}"
            unit = f"systemd-run -q --collect -u attack{number} -p StandardOutput=truncate:{out}"
            program = f"python3 {PROGRAMS}/attacks.py {ids} '{name}' {DATA} {RUN} {OWN}"
            self.machine.run("sh", "-ec", f"{unit} -p KillSignal=KILL {program}")
            eventually(partial(self._begun, out), f"{name} begun")
        try:
            yield
        finally:
            self.machine.run("systemctl", "stop", *(f"attack{n}" for n in range(len(names))))

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
    machine.write(f"{PROGRAMS}/attacks.py", Path(attacks.__file__).read_text())
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
        if round_ in STARTS_TOO:
            device.machine.run("systemctl", "restart", CONTROLLER)
            device.opens()
            # What root does for a service that crashes: nothing of the attacker's misleads it.
            device.machine.run("systemctl", "start", "--no-block", API)
            device.machine.run(GATEWAY, "doctor", "--data", DATA, codes=(0, 1))
            device.machine.run(
                *(GATEWAY, "passwd", "--stdin", "--data", DATA), text="a-word\n", codes=(0, 1)
            )
            device.machine.run("systemctl", "stop", API)
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


NOTIFY = """
import os, socket
for _ in range(15):
    if not os.fork():
        break
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.connect("/run/systemd/notify")
while True:
    manager.send(b"WATCHDOG=1")
"""


def test_a_flood_at_the_service_managers_socket_ends_no_service(device: Device) -> None:
    before = device.controller()
    words = " ".join(map(str, as_api("python3", "/run/flood.py")))
    device.machine.write("/run/flood.py", NOTIFY)
    flood = f"({words}) & sleep {before.watchdog_s + 10}; kill $(pgrep -u {API_USER})"
    device.machine.run("sh", "-c", flood, timeout_s=1_000)
    assert device.controller() == before
    device.opens()


def test_both_come_back(device: Device, services: Services, note: Note) -> None:
    device.renew()
    device.machine.run("systemctl", "start", API)
    eventually(services.api_answers, "an api that answers", pause_s=1.0)
    device.opens()
    note(f"under attack, card to relay at most {device.longest_s:.2f} s")
