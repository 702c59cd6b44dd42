"""Rows for any object, made from its declaration alone; and an operating system's services, played
by python3-dbusmock on a bus of their own."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GatewayError
from gateway.host.system_bus import Service, SystemBus
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.equipment import DoorList
from gateway.objects.fields import (
    HIGHEST_PORT,
    Blob,
    Choice,
    Digits,
    Field,
    HexText,
    Id,
    PortNumber,
    Ref,
    Text,
    Time,
    Word,
)
from gateway.objects.wiegand_modes import LayoutText, OrderText, ParitiesText

Put = Callable[[str, dict[str, Any]], int]


class Samples:
    """Makes rows as a client would send them, no two alike, and the rows that they refer to."""

    def __init__(self, registry: Registry, put: Put) -> None:
        """`put` adds or changes a row of the named object and gives its id."""
        self.registry = registry
        self._put = put
        self._numbers = count(7_000)
        self.made: list[tuple[str, int]] = []
        """Rows that were only made because others refer to them: object and id."""

    def other(self, field: Field, present: Any) -> Any:
        """A value that the field takes and that is not the `present` one."""
        skip = 0
        while (value := self.value(field)) == present:
            # A parent may take as many numbers as the field has values, and give the same again.
            skip += 1
            self._numbers = count(next(self._numbers) + skip)
        return value

    def value(self, field: Field) -> Any:
        """A value that the field takes; the next one is another where there are enough."""
        number = next(self._numbers)
        match field:
            case Ref() if field.enforced:
                return self._parent(field.target)
            case Choice(choices=few):
                return few[number % len(few)]
            case Text():
                return self._text(field, number)
            case Time():  # any end is after any start
                return number + 1_000_000 * (field.name == "end")
            case Blob():
                return base64.b64encode(f"{number}".encode()).decode()
        return self._whole(field, number)

    @staticmethod
    def _text(field: Text, number: int) -> str:
        if isinstance(field, Word):
            return str(field.words[number % len(field.words)])
        forms: dict[type, str] = {
            HexText: f"{number:X}",
            Digits: str(number),
            PortNumber: str(number % HIGHEST_PORT + 1),
            LayoutText: f"F[1:2], C[3:{3 + number % 6}]",
            ParitiesText: f"E(9)[1:{1 + number % 8}]",
            OrderText: f"9,{number % 100}",
            DoorList: f"1,{number}",
        }
        found = (form for kind, form in forms.items() if isinstance(field, kind))
        return next(found, f"{field.name} {number}")

    @staticmethod
    def _whole(field: Any, number: int) -> int:
        low, high = max(field.minimum, 0), min(field.maximum, 1 << 40)
        return int(low + number % (high - low + 1))

    def row(self, declared: ObjectType) -> dict[str, Any]:
        """What has to be given when a row is created, and nothing else."""
        return {
            field.name: self.value(field)
            for field in declared.fields
            if field.required or (isinstance(field, Id) and not field.auto)
        }

    def _parent(self, name: str) -> int:
        if self.registry[name].made_by:
            return 1 + next(self._numbers) % 3  # custom tables that are there with the file
        key = self._put(name, self.row(self.registry[name]))
        self.made.append((name, key))
        return key

    @staticmethod
    def wrong(field: Field) -> Any:
        """A value of a JSON type that the field does not take."""
        return "seven" if field.expected == "int" else 7

    @staticmethod
    def identity(declared: ObjectType, row: dict[str, Any]) -> dict[str, Any]:
        """A `where` that selects the loaded `row` alone."""
        names = [declared.key.name] if declared.key else list(declared.pairs_unique[0])
        return {declared.name: {name: row[name] for name in names}}

    @staticmethod
    def defaults(declared: ObjectType) -> dict[str, Any]:
        """What a created row holds of the fields that were not given, ids left out."""
        return {
            field.name: field.encode(field.default)
            for field in declared.fields
            if not (field.required or isinstance(field, Id))
        }


@pytest.fixture(scope="session")
def samples() -> Callable[[Registry, Put], Samples]:
    return Samples


BUS_POLICY = """<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/>
    <allow send_destination="*"/><allow receive_sender="*"/><allow eavesdrop="true"/>
  </policy>
</busconfig>
"""
MOCK = "org.freedesktop.DBus.Mock"
PLAYED = {
    "logind": "login1",
    "timedated": "timedate1",
    "networkmanager": "NetworkManager",
    "timesyncd": "timesync1",
    "hostnamed": "hostname1",
}
"""Service -> the end of its name on the bus."""
WITHOUT_TEMPLATE = {"timesyncd": "timesync1.Manager", "hostnamed": "hostname1"}
"""Service -> the end of its interface."""


class PlayedService:
    """A service that answers as told and remembers what it was asked."""

    def __init__(self, bus: SystemBus, name: str, arguments: dict[str, Any], address: str) -> None:
        self.arguments = arguments
        self._bus = bus
        end = PLAYED[name]
        bus_name, path = f"org.freedesktop.{end}", f"/org/freedesktop/{end}"
        words = ["--template", name, "--parameters", json.dumps(arguments)]
        if name in WITHOUT_TEMPLATE:
            interface = f"org.freedesktop.{WITHOUT_TEMPLATE[name]}"
            words = ["--system", bus_name, path, interface]
        self._process = subprocess.Popen(
            ["/usr/bin/python3", "-m", "dbusmock", *words],
            env={"DBUS_SYSTEM_BUS_ADDRESS": address, "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.object = Service(name, bus_name, path, "")
        pause = threading.Event()
        while not self._answers():
            assert self._process.poll() is None, f"{name} did not start"
            pause.wait(0.005)

    def _answers(self) -> bool:
        with suppress(GatewayError):
            self.ask("GetCalls")
            return True
        return False

    def ask(self, method: str, signature: str = "", *words: Any, path: str = "") -> Any:
        """Of the player, not of the part that it plays."""
        player = self.object.at(path or self.object.path, MOCK)
        return self._bus.call(player, method, signature, *words)

    def calls(self, method: str, path: str = "") -> list[list[Any]]:
        """The arguments of each call of `method` so far, variants without their signatures."""
        (found,) = self.ask("GetMethodCalls", "s", method, path=path)
        return [[value for _, value in arguments] for _, arguments in found]

    def plays(self, interface: str, method: str, taken: str, given: str, code: str) -> None:
        self.ask("AddMethod", "sssss", interface, method, taken, given, code)

    def has(self, interface: str, **properties: tuple[str, Any]) -> None:
        self.ask("AddProperties", "sa{sv}", interface, properties)

    def raises(self, interface: str, method: str, taken: str, error: str) -> None:
        code = f'raise dbus.exceptions.DBusException("not for you", name="{error}")'
        self.plays(interface, method, taken, "", code)

    def freeze(self) -> None:
        """Let it hear and not answer, until it is stopped."""
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class PlayedSystem:
    """A system bus of a test's own."""

    def __init__(self, directory: Path) -> None:
        path = directory / "bus"
        self.address = f"unix:path={path}"
        policy = directory / "bus.conf"
        policy.write_text(BUS_POLICY.format(path=path))
        self._daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={policy}", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._daemon.stdout is not None
        assert self._daemon.stdout.readline()
        self._played: dict[str, PlayedService] = {}

    def play(self, name: str, **arguments: Any) -> PlayedService:
        """A new service, in the place of the one of that name."""
        self.stop(name)
        self._played[name] = PlayedService(SystemBus(), name, arguments, self.address)
        return self._played[name]

    def plug(self, **ipv4: Any) -> PlayedService:
        """A NetworkManager with one wired connection that is up, by DHCP unless said otherwise."""
        manager = self.play("networkmanager")
        (device,) = manager.ask("AddEthernetDevice", "ssi", "eth0", "eth0", 100)
        kind = {"id": ("s", "Wired"), "uuid": ("s", "1-2"), "type": ("s", "802-3-ethernet")}
        profile = {"connection": kind, "ipv4": {"method": ("s", "auto"), **ipv4}}
        path, name = manager.object.path, manager.object.name
        settings = manager.object.at(f"{path}/Settings", f"{name}.Settings")
        (made,) = SystemBus().call(settings, "AddConnection", "a{sa{sv}}", profile)
        manager.ask("AddActiveConnection", "assssu", [device], made, "/", "0", 2)
        return manager

    def stop(self, *names: str) -> None:
        """End these services; all without a name."""
        for name in names or tuple(self._played):
            if name in self._played:
                self._played.pop(name).stop()

    def freeze(self) -> None:
        """Let the bus itself hear and not answer."""
        self._daemon.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self.stop()
        self._daemon.kill()
        self._daemon.wait()
        assert self._daemon.stdout is not None
        self._daemon.stdout.close()


@cache
def _has_dbusmock() -> bool:
    return (
        subprocess.run(["/usr/bin/python3", "-c", "import dbusmock"], check=False).returncode == 0
    )


@pytest.fixture
def played_system(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedSystem]:
    """Services of the operating system that this process finds in the place of the machine's."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed (Debian package dbus)")
    if not _has_dbusmock():
        pytest.skip("dbusmock is not installed (Debian package python3-dbusmock)")
    with tempfile.TemporaryDirectory(prefix="gateway-bus-") as name:
        system = PlayedSystem(Path(name))
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", system.address)
        yield system
        system.close()
