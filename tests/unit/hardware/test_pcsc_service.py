"""What pcscd may answer to each call, played by a stand-in for pyscard's functions."""

from __future__ import annotations

import re
import socket
import sys
import threading
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gateway.errors import BrokenFrame, DeviceUnavailable
from gateway.hardware.usb.card_service import CardView
from gateway.hardware.usb.pcsc_rights import SERVICE_USER, refusal
from gateway.hardware.usb.pcsc_service import OLDEST, PcscService, open_pcscd

READER, PNP = "ACME Reader 00 00", "\\\\?PnP?\\Notification"
ASK = bytes.fromhex("FFCA000000")
EMPTY, PRESENT, CHANGED, UNKNOWN, UNAVAILABLE, IGNORE = 0x10, 0x20, 0x02, 0x04, 0x08, 0x01
ATR = [0x3B, 0x8F]


class Scard(ModuleType):
    """pyscard's functions and constants as we use them (names, values and forms of 2.3)."""

    SCARD_S_SUCCESS = 0
    SCARD_E_CANCELLED = 0x80100002
    SCARD_E_UNKNOWN_READER = 0x80100009
    SCARD_E_TIMEOUT = 0x8010000A
    SCARD_E_SHARING_VIOLATION = 0x8010000B
    SCARD_E_NO_SMARTCARD = 0x8010000C
    SCARD_E_PROTO_MISMATCH = 0x8010000F
    SCARD_E_NOT_TRANSACTED = 0x80100016
    SCARD_E_READER_UNAVAILABLE = 0x80100017
    SCARD_E_NO_SERVICE = 0x8010001D
    SCARD_E_SERVICE_STOPPED = 0x8010001E
    SCARD_E_NO_READERS_AVAILABLE = 0x8010002E
    SCARD_W_UNRESPONSIVE_CARD = 0x80100066
    SCARD_W_UNPOWERED_CARD = 0x80100067
    SCARD_W_RESET_CARD = 0x80100068
    SCARD_W_REMOVED_CARD = 0x80100069
    SCARD_W_SECURITY_VIOLATION = 0x8010006A
    SCARD_SCOPE_SYSTEM = 2
    SCARD_SHARE_SHARED = 2
    SCARD_LEAVE_CARD = 0
    SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 = 1, 2
    SCARD_PCI_T0, SCARD_PCI_T1 = "header of T=0", "header of T=1"
    SCARD_STATE_UNAWARE = 0
    SCARD_STATE_IGNORE, SCARD_STATE_CHANGED = IGNORE, CHANGED
    SCARD_STATE_UNKNOWN, SCARD_STATE_UNAVAILABLE = UNKNOWN, UNAVAILABLE
    SCARD_STATE_PRESENT = PRESENT

    def __init__(self) -> None:
        super().__init__("smartcard.scard")
        self.calls: list[tuple[Any, ...]] = []
        self.established: tuple[int, str] = (0, "context")
        self.listed: tuple[int, list[str]] = (0, [READER])
        self.changes: list[tuple[int, int]] = []
        """Of each wait: its code, and the reader's state then."""
        self.connected: list[int] = []
        """Codes of the next connections; 0 when there are none left."""
        self.protocol = self.SCARD_PROTOCOL_T1
        self.answer: tuple[int, list[int]] = (0, [1, 2, 0x90, 0])

    def SCardEstablishContext(self, scope: int) -> tuple[int, str]:  # noqa: N802 - pyscard's name
        self.calls.append(("establish", scope))
        return self.established

    def SCardListReaders(self, context: str, groups: list[str]) -> tuple[int, list[str]]:  # noqa: N802 - as above
        self.calls.append(("list", context, groups))
        return self.listed

    def SCardGetStatusChange(  # noqa: N802 - as above
        self, context: str, limit_ms: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, list[int]]]]:
        self.calls.append(("wait", context, limit_ms, states))
        code, state = self.changes.pop(0)
        told = {READER: (state, ATR if state & PRESENT else []), PNP: (0, [])}
        return code, [(name, *told[name]) for name, _ in states]

    def SCardConnect(  # noqa: N802 - as above
        self, context: str, reader: str, share: int, protocols: int
    ) -> tuple[int, str, int]:
        self.calls.append(("connect", context, reader, share, protocols))
        code = self.connected.pop(0) if self.connected else 0
        return code, "card", self.protocol

    def SCardTransmit(self, card: str, header: str, data: list[int]) -> tuple[int, list[int]]:  # noqa: N802 - as above
        self.calls.append(("transmit", card, header, data))
        return self.answer

    def SCardDisconnect(self, card: str, disposition: int) -> int:  # noqa: N802 - as above
        self.calls.append(("disconnect", card, disposition))
        return 0

    def SCardCancel(self, context: str) -> int:  # noqa: N802 - as above
        self.calls.append(("cancel", context))
        return 0

    def SCardReleaseContext(self, context: str) -> int:  # noqa: N802 - as above
        self.calls.append(("release", context))
        return 0

    def SCardGetErrorMessage(self, code: int) -> str:  # noqa: N802 - as above
        return f"Words for {code:#x}."


@pytest.fixture
def scard(monkeypatch: pytest.MonkeyPatch) -> Scard:
    played = Scard()
    monkeypatch.setitem(sys.modules, "smartcard", ModuleType("smartcard"))
    monkeypatch.setitem(sys.modules, "smartcard.scard", played)
    monkeypatch.setattr(metadata, "version", lambda _: "2.0.5")
    monkeypatch.setattr("gateway.hardware.usb.pcsc_service._AGAIN_S", 0)
    return played


@pytest.fixture(autouse=True)
def socket_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pcscd would listen; nobody does."""
    path = tmp_path / "pcscd.comm"
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(path))
    return path


@pytest.fixture
def service(scard: Scard) -> PcscService:
    made = open_pcscd()
    scard.calls.clear()
    return made


def test_the_stand_in_has_the_values_of_the_real_functions() -> None:
    if find_spec("smartcard") is None:
        pytest.skip("pyscard is not installed (to build it: swig, gcc, libpcsclite-dev)")
    real = import_module("smartcard.scard")
    played = {
        name: value
        for name, value in vars(Scard).items()
        if isinstance(value, int) and not name.startswith("_")
    }
    assert len(played) > 20
    assert played == {name: getattr(real, name) & 0xFFFF_FFFF for name in played}


def test_the_installed_release_is_none_that_would_be_refused() -> None:
    if find_spec("smartcard") is None:
        pytest.skip("pyscard is not installed (to build it: swig, gcc, libpcsclite-dev)")
    assert int(metadata.version("pyscard").partition(".")[0]) >= OLDEST


def test_without_pyscard_a_reader_is_refused_by_the_packages_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    monkeypatch.delitem(sys.modules, "smartcard.scard", raising=False)
    with pytest.raises(DeviceUnavailable, match=r"need the Python package pyscard \(>= 2.0\)"):
        open_pcscd()


@pytest.mark.usefixtures("scard")
def test_an_older_pyscard_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "1.9.9")
    with pytest.raises(DeviceUnavailable, match=r"\(>= 2.0\), found 1.9.9"):
        open_pcscd()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (Scard.SCARD_E_NO_SERVICE, "pcscd does not answer: is it installed and running?"),
        (Scard.SCARD_E_SERVICE_STOPPED, "pcscd does not answer: is it installed and running?"),
        # As a signed number of 32 bits.
        (Scard.SCARD_E_NO_SERVICE - (1 << 32), "pcscd does not answer"),
        (0x80100006, r"pcscd: Words for 0x80100006 \(0x80100006\)"),
    ],
)
def test_a_service_that_does_not_answer_is_said(scard: Scard, code: int, words: str) -> None:
    scard.established = code, ""
    with pytest.raises(DeviceUnavailable, match=words):
        open_pcscd()


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("gateway-controller", r"the polkit rule /usr/share/\S+ is missing, .*: sudo install -D "),
        ("root", "polkit, which it asks, does not run. .*: sudo systemctl restart polkit"),
        ("pi", "no polkit rule allows that user. .*: sed s/gateway-controller/pi/ "),
    ],
)
def test_a_refusal_names_the_user_what_is_missing_and_the_command_that_cures_it(
    user: str, words: str
) -> None:
    told = refusal(user)
    assert told.startswith(f"pcscd refuses user '{user}': ")
    assert re.search(words, told)
    for file in re.findall(r"\S+/systemd/polkit/\S+", told):
        assert f'subject.user === "{SERVICE_USER}"' in Path(file).read_text()


class Daemon:
    """Takes one connection, and closes it or keeps it."""

    def __init__(self, path: Path, *, closes: bool) -> None:
        self._closes = closes
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        connection, _ = self._listening.accept()
        if not self._closes:
            connection.recv(1)  # until the other side goes
        connection.close()

    def join(self) -> None:
        self._thread.join()
        self._listening.close()


CLOSED = [Scard.SCARD_W_SECURITY_VIOLATION, Scard.SCARD_E_NO_SERVICE]
"""What the library makes of a connection that pcscd closed."""


@pytest.mark.parametrize("code", CLOSED)
def test_a_service_that_closes_each_connection_refuses_whatever_the_library_makes_of_it(
    scard: Scard, socket_path: Path, code: int
) -> None:
    scard.established = code, ""
    daemon = Daemon(socket_path, closes=True)
    with pytest.raises(DeviceUnavailable, match="pcscd refuses user"):
        open_pcscd()
    daemon.join()


@pytest.mark.usefixtures("socket_path")
@pytest.mark.parametrize("code", CLOSED)
def test_a_service_that_has_ended_does_not_refuse(
    scard: Scard, service: PcscService, code: int
) -> None:
    scard.changes = [(code, 0)]
    with pytest.raises(DeviceUnavailable, match="does not answer: is it installed and running"):
        service.look(READER)


def test_a_service_that_allows_to_connect_may_refuse_the_card(
    scard: Scard, service: PcscService, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.hardware.usb.pcsc_rights._PATIENCE_S", 0.01)
    daemon = Daemon(socket_path, closes=False)
    scard.connected = [Scard.SCARD_W_SECURITY_VIOLATION]
    with pytest.raises(DeviceUnavailable, match="pcscd refuses user"):
        service.transmit(READER, ASK)
    daemon.join()


def test_readers_are_listed_and_none_is_no_error(scard: Scard, service: PcscService) -> None:
    assert service.readers() == [READER]
    scard.listed = Scard.SCARD_E_NO_READERS_AVAILABLE, []
    assert service.readers() == []
    scard.listed = Scard.SCARD_E_SERVICE_STOPPED, []
    with pytest.raises(DeviceUnavailable, match="does not answer"):
        service.readers()


def test_the_first_look_does_not_wait_and_the_next_waits_from_what_it_told(
    scard: Scard, service: PcscService
) -> None:
    scard.changes = [(0, EMPTY | CHANGED), (0, 0x0001_0000 | PRESENT | CHANGED)]
    assert service.look(READER) == CardView(present=False, events=0)
    assert service.look(READER) == CardView(present=True, events=1, atr=bytes(ATR))
    assert scard.calls == [
        ("wait", "context", 0, [(READER, 0), (PNP, 0)]),
        ("wait", "context", 1000, [(READER, EMPTY), (PNP, 0)]),
    ]


@pytest.mark.parametrize("code", [Scard.SCARD_E_TIMEOUT, Scard.SCARD_E_CANCELLED])
def test_a_wait_that_ends_without_news_tells_the_same(
    scard: Scard, service: PcscService, code: int
) -> None:
    scard.changes = [(0, PRESENT), (code, PRESENT)]
    assert service.look(READER) == service.look(READER)


@pytest.mark.parametrize(
    "change", [(Scard.SCARD_E_UNKNOWN_READER, 0), (0, UNKNOWN), (0, UNAVAILABLE), (0, IGNORE)]
)
def test_a_reader_that_goes_is_looked_at_anew_when_it_comes(
    scard: Scard, service: PcscService, change: tuple[int, int]
) -> None:
    scard.changes = [(0, PRESENT), change, (0, PRESENT)]
    assert service.look(READER) is not None
    assert service.look(READER) is None
    assert service.look(READER) is not None
    assert scard.calls[-1] == ("wait", "context", 0, [(READER, 0), (PNP, 0)])


def test_without_a_reader_it_is_only_waited_for_some_to_come(
    scard: Scard, service: PcscService
) -> None:
    scard.changes = [(Scard.SCARD_E_TIMEOUT, 0)]
    assert service.look(None) is None
    assert scard.calls == [("wait", "context", 1000, [(PNP, 0)])]


@pytest.mark.parametrize("reader", [READER, None])
def test_a_service_that_goes_while_it_is_waited_for_is_said(
    scard: Scard, service: PcscService, reader: str | None
) -> None:
    scard.changes = [(Scard.SCARD_E_NO_SERVICE, 0)]
    with pytest.raises(DeviceUnavailable, match="does not answer"):
        service.look(reader)


@pytest.mark.parametrize(
    ("protocol", "header"),
    [(Scard.SCARD_PROTOCOL_T0, "header of T=0"), (Scard.SCARD_PROTOCOL_T1, "header of T=1")],
)
def test_a_command_is_sent_in_the_cards_protocol_and_the_card_is_left_as_it_is(
    scard: Scard, service: PcscService, protocol: int, header: str
) -> None:
    scard.protocol = protocol
    assert service.transmit(READER, ASK) == b"\x01\x02\x90\x00"
    assert scard.calls == [
        ("connect", "context", READER, 2, 3),
        ("transmit", "card", header, [0xFF, 0xCA, 0, 0, 0]),
        ("disconnect", "card", 0),
    ]


@pytest.mark.parametrize(
    "code", [Scard.SCARD_W_RESET_CARD, Scard.SCARD_E_SHARING_VIOLATION], ids=["reset", "shared"]
)
def test_a_card_in_another_programs_hands_for_a_moment_is_asked_again(
    scard: Scard, service: PcscService, code: int
) -> None:
    scard.connected = [code, code]
    assert service.transmit(READER, ASK) == b"\x01\x02\x90\x00"
    scard.connected = [code] * 3
    with pytest.raises(BrokenFrame, match="another program"):
        service.transmit(READER, ASK)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (Scard.SCARD_W_REMOVED_CARD, "removed before it was read"),
        (Scard.SCARD_E_NO_SMARTCARD, "removed before it was read"),
        (Scard.SCARD_W_UNRESPONSIVE_CARD, "does not answer"),
        (Scard.SCARD_W_UNPOWERED_CARD, "does not answer"),
        (Scard.SCARD_E_NOT_TRANSACTED, "does not answer"),
        (Scard.SCARD_E_PROTO_MISMATCH, "neither T=0 nor T=1"),
    ],
)
def test_what_is_the_cards_fault_is_no_fault_of_the_reader(
    scard: Scard, service: PcscService, code: int, why: str
) -> None:
    scard.connected = [code]
    with pytest.raises(BrokenFrame, match=why):
        service.transmit(READER, ASK)
    scard.answer = code, []
    with pytest.raises(BrokenFrame, match=why):
        service.transmit(READER, ASK)
    assert scard.calls[-1] == ("disconnect", "card", 0)


def test_a_reader_that_is_gone_when_the_card_is_asked_is_the_readers_fault(
    scard: Scard, service: PcscService
) -> None:
    scard.connected = [Scard.SCARD_E_READER_UNAVAILABLE]
    with pytest.raises(DeviceUnavailable, match="0x80100017"):
        service.transmit(READER, ASK)


def test_cancel_and_close_reach_the_context(scard: Scard, service: PcscService) -> None:
    service.cancel()
    service.close()
    for thread in threading.enumerate():
        if thread.name == "pcsc-cancel":
            thread.join()
    assert sorted(scard.calls) == [("cancel", "context"), ("release", "context")]


def test_a_daemon_that_hangs_does_not_hold_up_whoever_cancels(
    scard: Scard, service: PcscService, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, answers = threading.Event(), threading.Event()

    def hang(_: str) -> None:
        hung.set()
        answers.wait()

    monkeypatch.setattr(scard, "SCardCancel", hang)
    service.cancel()
    assert hung.wait(30)
    answers.set()
