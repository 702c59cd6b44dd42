"""Contactless readers at a real pcscd, whose reader is the virtual one of Debian's vsmartcard-vpcd.

That driver listens on every address of the machine, and pcscd has one fixed directory: so it runs
in namespaces of its own, with a directory of ours in that place. Since Debian 13 it asks polkit who
may use it; one test lets it ask a polkit with our rules alone, in the same namespaces.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.credentials.values import BadFrame, Identification
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import DeviceState
from gateway.hardware.simulated.cards import MIFARE_CLASSIC_1K
from gateway.hardware.usb.pcsc_driver import PcscDriver
from gateway.hardware.usb.pcsc_service import open_pcscd
from gateway.settings import PcscReader
from gateway.settings.profiles import shipped_folder
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.hardware.conftest import Bench

    MakeCounter = Callable[..., "Counter"]

PATIENCE_S = 60.0
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
FIRST_PORT = 0x8C7B
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x4000_0000, 0x8914, 1
CONFIGURATION = f"""
FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:{FIRST_PORT:#06X}
LIBPATH {DRIVER}
CHANNELID {FIRST_PORT:#06X}
""".replace("0X", "0x")
# Arguments: the directory that stands in the place of /run/pcscd, that of the configuration, and
# further options of pcscd.
INSIDE = """
mkdir -p /run/pcscd && mount --bind "$1" /run/pcscd && configuration=$2 && shift 2 &&
exec pcscd --foreground --config "$configuration" "$@"
"""
# Before it, with a polkit of the test's own. Arguments: its rules, the users, and the configuration
# of the bus.
WITH_POLKIT = """
mount --bind "$1" /usr/share/polkit-1/rules.d && mount --bind "$2" /etc/passwd || exit
dbus-daemon --config-file="$3" --nofork &
export DBUS_SYSTEM_BUS_ADDRESS=unix:abstract=bus
/usr/lib/polkit-1/polkitd --no-debug &
shift 3
"""
BUS = """<busconfig>
  <type>system</type><listen>unix:abstract=bus</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""
# Prints what the card in slot 0 answers, or what is wrong.
CLIENT = """
from gateway.credentials.contactless import ASK_SERIAL
from gateway.errors import GatewayError
from gateway.hardware.usb.pcsc_service import open_pcscd
try:
    service = open_pcscd()
    print(service.transmit(service.readers()[0], ASK_SERIAL).hex())
except GatewayError as error:
    print(error)
"""
ANA, BRUNO = "04A1B2C3D4E5F6", "DEADBEEF"
ANAS_NUMBER, BRUNOS_NUMBER = 0x04A1B2C3D4E5F6, 0xDEADBEEF
DONE = b"\x90\x00"


def skip_without_pcscd() -> None:
    """Skips where the daemon cannot be had, and says why."""
    if os.geteuid() != 0:
        pytest.skip("only root can give pcscd namespaces of its own")
    if shutil.which("pcscd") is None or not DRIVER.exists():
        pytest.skip("pcscd or its virtual reader is missing (Debian: pcscd, vsmartcard-vpcd)")
    if find_spec("smartcard") is None:
        pytest.skip("pyscard is not installed (to build it: swig, gcc, libpcsclite-dev)")


def isolation() -> list[str]:
    """The command that gives a program its own network and mounts; skips where there is none."""
    # In a changed root, which is no mount of its own, mounts cannot be made private first.
    for more in ([], ["--propagation", "unchanged"]):
        command = ["unshare", "--net", "--mount", *more]
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
            return command
    pytest.skip("namespaces are not to be had here")


class VirtualCard:
    """A card in a slot of the virtual reader (vpcd's protocol: two bytes of length, a payload; a
    payload of one byte switches the card off or on, resets it, or asks its answer to reset)."""

    def __init__(self, network: Path, slot: int, answer: bytes | None) -> None:
        """`answer` is that to every command; None for a card that leaves when it is asked."""
        self._answer = answer
        self.asked: list[bytes] = []
        self.told_ns: list[int] = []
        """When the daemon wanted something of it; the first time is when it noticed the card."""
        self._socket = _connected(network, FIRST_PORT + slot)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def remove(self) -> None:
        with suppress(OSError):  # the daemon may be gone
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                message = self._receive(struct.unpack(">H", self._receive(2))[0])
                self.told_ns.append(time.monotonic_ns())
                if message == b"\x04":
                    self._send(MIFARE_CLASSIC_1K)
                elif len(message) > 1:
                    self.asked.append(message)
                    if self._answer is None:
                        self._socket.shutdown(socket.SHUT_RDWR)
                        return
                    self._send(self._answer)

    def _receive(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            # vpcd sends a message in two pieces, the second when the first is acknowledged: by
            # itself that takes 40 ms, and the system forgets now and then that it shall not.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            more = self._socket.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _send(self, data: bytes) -> None:
        self._socket.sendall(struct.pack(">H", len(data)) + data)


def _connected(network: Path, port: int) -> socket.socket:
    """A connection inside another network: a socket stays in that of the thread that made it."""
    made: list[socket.socket] = []

    def connect() -> None:
        with network.open() as namespace:
            library = ctypes.CDLL(None, use_errno=True)
            assert library.setns(namespace.fileno(), CLONE_NEWNET) == 0, ctypes.get_errno()
        connection = socket.socket()
        # A new network's loopback is down.
        fcntl.ioctl(connection, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        connection.connect(("127.0.0.1", port))
        made.append(connection)

    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    (connection,) = made
    return connection


def asks_polkit() -> bool:
    """Whether the pcscd of this machine does; before Debian 13 it does not."""
    told = subprocess.run(["pcscd", "--version"], check=True, capture_output=True, text=True)
    return " polkit " in told.stdout


class Pcscd:
    """The daemon, to be started and stopped, and the cards in its two slots."""

    def __init__(self, place: Path, polkit: tuple[Path, Path] | None = None) -> None:
        """`polkit` has its rules and the machine's users; without it everybody is let in."""
        sockets, configuration = place / "run", place / "conf"
        for directory in (sockets, configuration):
            directory.mkdir()
        (configuration / "vpcd").write_text(CONFIGURATION)
        script, arguments = INSIDE, [sockets, configuration]
        if polkit is not None:
            bus = place / "bus.conf"
            bus.write_text(BUS)
            script, arguments = WITH_POLKIT + INSIDE, [*polkit, bus, *arguments]
        options = ["--disable-polkit"] if polkit is None and asks_polkit() else []
        self._command = [*isolation(), "sh", "-c", script, "sh", *map(str, arguments), *options]
        self._sockets = sockets
        self._log = place / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._cards: list[VirtualCard] = []

    @property
    def socket(self) -> Path:
        return self._sockets / "pcscd.comm"

    def start(self) -> None:
        for left in self._sockets.iterdir():
            left.unlink()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self.socket.exists, self._log.read_text)

    def stop(self, *, kill: bool = False) -> None:
        """Let the daemon end, and every card with its connection."""
        if self._process is not None:
            if kill:
                self._process.kill()
            else:
                self._process.terminate()
            self._process.wait()
            with suppress(ProcessLookupError):  # those that were started before it
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None
        for card in self._cards:
            card.remove()
        self._cards.clear()

    def remove(self, card: VirtualCard, slot: int = 0) -> None:
        """Take a card away, and wait until the daemon has noticed: it asks its slots now and then,
        and to it a card that comes meanwhile is still the same one."""
        card.remove()
        with closing(open_pcscd()) as service:
            reader = service.readers()[slot]

            def is_empty() -> bool:
                view = service.look(reader)
                return view is not None and not view.present

            eventually(is_empty, lambda: f"the card stays in {reader}")

    def answer_to(self, user_id: int) -> str:
        """What a program of that user gets to see of the card in slot 0."""
        assert self._process is not None
        enter = ["nsenter", "--net", "--mount", "--root", f"--target={self._process.pid}"]
        # It may read our files, wherever they lie; pcscd and polkit go by its user alone.
        rights = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        become = ["setpriv", f"--reuid={user_id}", f"--regid={user_id}", "--clear-groups", *rights]
        environment = {k: v for k, v in os.environ.items() if k != "PCSCLITE_CSOCK_NAME"}
        done = subprocess.run(
            [*enter, *become, sys.executable, "-c", CLIENT],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """While inside, the daemon takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def insert(self, uid: str, slot: int = 0, status: bytes = DONE) -> VirtualCard:
        return self._laid_on(slot, bytes.fromhex(uid) + status)

    def insert_shy(self) -> VirtualCard:
        """A card that is gone as soon as it is asked."""
        return self._laid_on(0, None)

    def _laid_on(self, slot: int, answer: bytes | None) -> VirtualCard:
        assert self._process is not None
        network = Path(f"/proc/{self._process.pid}/ns/net")
        card = VirtualCard(network, slot, answer)
        self._cards.append(card)
        return card


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the daemon lives: one for the whole process, since the client library asks its
    environment once."""
    skip_without_pcscd()
    place = tmp_path_factory.mktemp("pcscd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCSCLITE_CSOCK_NAME", str(place / "run" / "pcscd.comm"))
        yield place


@pytest.fixture(scope="module")
def daemon(place: Path) -> Pcscd:
    return Pcscd(place)


@pytest.fixture
def pcscd(daemon: Pcscd) -> Iterator[Pcscd]:
    daemon.start()
    yield daemon
    daemon.stop()


class Counter:
    """A driver at the daemon, serviced when its thread wakes the loop."""

    def __init__(self, bench: Bench, name: str, reader: str) -> None:
        self.bench = bench
        self.name = name
        fields = {"index": 1, "portal": 1, "kind": "pcsc"}
        self.driver = PcscDriver(
            PcscReader.model_validate({**fields, "name": name, "reader": reader}),
            bench.loop,
            backoff=Backoff(first_s=0.05, longest_s=0.2),
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        eventually(condition, lambda: self.bench.events, lambda: self.driver.service(0))

    def come_online(self) -> None:
        """Wait until it is there, and past the time in which a card may have lain there before."""
        self.wait_for(lambda: bool(self.states) and self.states[-1] == (True, ""))
        self.bench.clock.advance(5)

    def _mine(self, kind: type[Any]) -> list[Any]:
        posted = self.bench.posted(kind)
        return [
            e for e in posted if self.name in {getattr(e, "reader", ""), getattr(e, "device", "")}
        ]

    @property
    def read(self) -> list[int]:
        return [event.credential.value for event in self._mine(Identification)]

    @property
    def refused(self) -> list[str]:
        return [event.why for event in self._mine(BadFrame)]

    @property
    def states(self) -> list[tuple[bool, str]]:
        return [(event.online, event.why) for event in self._mine(DeviceState)]


def said(counter: Counter, why: str) -> bool:
    return bool(counter.refused) and why in counter.refused[-1]


@pytest.fixture
def counter_at(bench: Bench) -> Iterator[MakeCounter]:
    made: list[Counter] = []

    def make(reader: str = "Virtual PCD 00 00", name: str = "nfc") -> Counter:
        made.append(Counter(bench, name, reader))
        return made[-1]

    yield make
    for counter in made:
        counter.driver.close()


def test_a_card_is_read_once_while_it_is_held_and_again_when_it_comes_again(
    pcscd: Pcscd, counter_at: MakeCounter
) -> None:
    counter = counter_at()
    counter.come_online()
    card = pcscd.insert(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    assert card.asked == [bytes.fromhex("FFCA000000")]
    # A second card, in the other slot, is noticed: the first was looked at again meanwhile.
    other = counter_at("Virtual PCD 00 01", "other")
    other.come_online()
    pcscd.insert(BRUNO, slot=1)
    other.wait_for(lambda: other.read == [BRUNOS_NUMBER])
    counter.driver.service(0)
    assert counter.read == [ANAS_NUMBER]
    pcscd.remove(card)
    pcscd.insert(BRUNO)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER, BRUNOS_NUMBER])
    assert counter.refused == []
    assert counter.states == [(True, "")]


def test_what_is_no_serial_number_or_nobodys_is_noted_and_the_next_card_is_read(
    pcscd: Pcscd, counter_at: MakeCounter
) -> None:
    counter = counter_at()
    counter.come_online()
    for uid, status, why in (
        ("08A1B2C3", DONE, "random identifier"),
        ("", b"\x6a\x81", "no serial number from the card"),
        ("04A1B2C3D4E5F6A7B8C9", DONE, "10 bytes"),
    ):
        card = pcscd.insert(uid, status=status)
        counter.wait_for(partial(said, counter, why))
        assert counter.refused[-1].startswith("MIFARE Classic 1K: ")
        pcscd.remove(card)
    shy = pcscd.insert_shy()
    counter.wait_for(lambda: len(counter.refused) == 4)
    assert "hold the card longer" in counter.refused[-1]
    pcscd.remove(shy)
    pcscd.insert(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    assert counter.states == [(True, "")]


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_daemon_that_goes_is_offline_and_cards_are_read_when_it_is_back(
    pcscd: Pcscd, counter_at: MakeCounter, kill: bool
) -> None:
    counter = counter_at()
    counter.come_online()
    pcscd.insert(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    pcscd.stop(kill=kill)
    counter.wait_for(lambda: counter.states[-1][0] is False)
    assert "pcscd" in counter.states[-1][1]
    pcscd.start()
    counter.wait_for(lambda: counter.states[-1] == (True, ""))
    # It was left on the reader: what is noticed right after the start opens nothing.
    card = pcscd.insert(ANA)
    counter.wait_for(lambda: bool(counter.refused))
    assert "remove it" in counter.refused[0]
    pcscd.remove(card)
    counter.come_online()
    pcscd.insert(BRUNO)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER, BRUNOS_NUMBER])


@pytest.mark.usefixtures("place")
def test_without_the_daemon_a_reader_is_offline_in_words(counter_at: MakeCounter) -> None:
    counter = counter_at()
    counter.wait_for(lambda: bool(counter.states))
    assert counter.states == [(False, "pcscd does not answer: is it installed and running?")]


@pytest.mark.usefixtures("pcscd")
def test_a_beginning_that_fits_two_readers_or_none_names_those_that_are_there(
    counter_at: MakeCounter,
) -> None:
    vague, wrong = counter_at("Virtual PCD", "vague"), counter_at("ACME", "wrong")
    vague.wait_for(lambda: bool(vague.states))
    wrong.wait_for(lambda: bool(wrong.states))
    ((online, why),) = vague.states
    assert not online
    assert "2 readers: Virtual PCD 00 00, Virtual PCD 00 01; name one of them" in why
    ((online, why),) = wrong.states
    assert not online
    assert "no reader 'ACME'; it has: Virtual PCD 00 00, Virtual PCD 00 01; check its cable" in why


@pytest.mark.usefixtures("pcscd")
def test_close_ends_a_wait_at_the_daemon(counter_at: MakeCounter) -> None:
    counter = counter_at()
    counter.come_online()
    counter.driver.close()
    assert not counter.driver.responsive(0)


def test_a_daemon_that_hangs_makes_the_reader_offline_and_keeps_nobody_from_stopping(
    bench: Bench, pcscd: Pcscd, counter_at: MakeCounter
) -> None:
    counter, other = counter_at(), counter_at("Virtual PCD 00 01", "other")
    counter.come_online()
    other.come_online()

    def told_to_hang() -> bool:
        bench.clock.advance(1)
        for each in (counter, other):
            each.driver.service(bench.clock.monotonic_ns())
        return all("hangs" in each.states[-1][1] for each in (counter, other))

    with pcscd.hanging():
        eventually(told_to_hang, lambda: bench.events)
        other.driver.close()

    def back() -> bool:
        counter.driver.service(bench.clock.monotonic_ns())
        return bool(counter.states[-1] == (True, ""))

    eventually(back, lambda: bench.events)
    pcscd.insert(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])


CONTROLLER, STRANGER = 64_001, 64_002


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Pcscd]:
    """The daemon beside a real polkit that knows the shipped rules and the service's users."""
    skip_without_pcscd()
    rules, users = tmp_path / "rules.d", tmp_path / "passwd"
    rules.mkdir()
    for rule in (shipped_folder("systemd") / "polkit").iterdir():
        (rules / rule.name).write_text(rule.read_text())
    added = {"gateway-controller": CONTROLLER, "gateway-api": STRANGER}
    users.write_text(
        Path("/etc/passwd").read_text()
        + "".join(f"{name}:x:{user}:{user}::/:/bin/false\n" for name, user in added.items())
    )
    daemon = Pcscd(tmp_path, polkit=(rules, users) if asks_polkit() else None)
    daemon.start()
    yield daemon
    daemon.stop()


def test_the_shipped_rule_lets_the_controllers_user_read_cards_and_nobody_else(
    guarded: Pcscd,
) -> None:
    guarded.insert(ANA)
    number = ANA.lower() + DONE.hex()
    # Until polkit is up everybody is refused, and until the card is noticed there is none.
    eventually(
        lambda: guarded.answer_to(CONTROLLER) == number, lambda: guarded.answer_to(CONTROLLER)
    )
    told = guarded.answer_to(STRANGER)
    if asks_polkit():
        assert told.startswith("pcscd refuses user 'gateway-api': no polkit rule allows that user.")
    else:
        assert told == number
