from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import serial

from gateway.credentials.line_frames import MAX_BYTES
from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import DeviceState
from gateway.hardware.serial_ports.driver import SerialDriver, open_port
from gateway.hardware.serial_ports.qr_lines import QrLines
from gateway.hardware.simulated.port import SimulatedPort
from gateway.settings import SerialQrReader
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.hardware.conftest import Bench

QUICK = Backoff(first_s=0.01, longest_s=0.05)


class Port:
    """A driver on a real pseudo-terminal, serviced when its thread wakes the loop."""

    def __init__(self, bench: Bench, path: Path, **more: Any) -> None:
        self.bench = bench
        fields = {"name": "code", "index": 1, "portal": 1, "kind": "serial_qr"}
        settings = SerialQrReader.model_validate({**fields, "port": str(path), "gap_ms": 20})
        self.driver = SerialDriver(
            "code", str(path), 9600, QrLines(settings), bench.loop, **{"backoff": QUICK, **more}
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        eventually(condition, lambda: self.bench.events, lambda: self.driver.service(0))

    @property
    def texts(self) -> list[int | str]:
        return [event.credential.value for event in self.bench.posted(Identification)]

    @property
    def states(self) -> list[bool]:
        return [event.online for event in self.bench.posted(DeviceState)]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[SimulatedPort]:
    port = SimulatedPort(tmp_path / "ports" / "code")
    yield port
    port.unplug()


@pytest.fixture
def port(bench: Bench, terminal: SimulatedPort) -> Iterator[Port]:
    made = Port(bench, terminal.path)
    made.wait_for(lambda: made.states == [True])
    yield made
    made.driver.close()


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_text_with_a_line_end_is_a_code(port: Port, terminal: SimulatedPort, end: bytes) -> None:
    terminal.send("Olá 123".encode() + end)
    port.wait_for(lambda: port.texts == ["Olá 123"])
    (first,) = port.bench.posted(Identification)
    assert (first.reader, first.credential.kind) == ("code", CredentialKind.QRCODE)


def test_lines_without_a_silence_are_one_code_and_the_rest_is_counted(
    port: Port, terminal: SimulatedPort
) -> None:
    lines = b"".join(b"%04d\n" % code for code in range(4500, 4800))
    terminal.send(lines)
    port.wait_for(lambda: bool(port.bench.posted(BadFrame)))
    assert port.texts == ["4500"]
    (refused,) = port.bench.posted(BadFrame)
    assert refused.why == "299 more codes came without a pause and were ignored: show one at a time"
    terminal.send(b"next\n")
    port.wait_for(lambda: port.texts == ["4500", "next"])


def test_a_text_without_a_line_end_is_a_code_after_the_gap(
    port: Port, terminal: SimulatedPort
) -> None:
    terminal.send(b"12345")
    port.wait_for(lambda: port.texts == ["12345"])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"ab\x02cd\r", "control code"),
        (b"\xff\xfe\r", "not UTF-8"),
        (b"x" * (MAX_BYTES + 5) + b"\r", "more than 2953 bytes"),
    ],
)
def test_bytes_that_are_no_text_are_a_bad_frame_and_the_next_code_is_read(
    port: Port, terminal: SimulatedPort, data: bytes, why: str
) -> None:
    terminal.send(data)
    port.wait_for(lambda: bool(port.bench.posted(BadFrame)))
    (bad,) = port.bench.posted(BadFrame)
    assert why in bad.why
    assert bytes.fromhex(bad.bits) == data.rstrip(b"\r")[: MAX_BYTES + 1]
    terminal.send(b"good\r")
    port.wait_for(lambda: port.texts == ["good"])


def test_a_port_that_vanishes_is_offline_and_comes_back(
    port: Port, terminal: SimulatedPort
) -> None:
    terminal.unplug()
    port.wait_for(lambda: port.states[-1] is False)
    assert port.bench.posted(DeviceState)[-1].why
    terminal.plug()
    port.wait_for(lambda: port.states[-1] is True)
    terminal.send(b"again\r")
    port.wait_for(lambda: port.texts == ["again"])


def test_half_a_text_is_never_a_code_when_the_plug_is_pulled(
    port: Port, terminal: SimulatedPort
) -> None:
    # A silence may end the half before the plug is pulled: only what follows must not be joined
    # to it, nor a half that was still open be handed out.
    port.driver._thread.deliver((0, b"123"))
    terminal.unplug()
    port.wait_for(lambda: port.states[-1] is False)
    terminal.plug()
    port.wait_for(lambda: port.states[-1] is True)
    terminal.send(b"45\r")
    port.wait_for(lambda: port.texts == ["45"])


def test_a_port_that_was_never_there_is_offline_with_the_reason_once(
    bench: Bench, tmp_path: Path
) -> None:
    attempts = 0

    def opener(path: str, baud: int) -> serial.Serial:
        nonlocal attempts
        attempts += 1
        return open_port(path, baud)

    port = Port(bench, tmp_path / "missing", opener=opener)
    port.wait_for(lambda: attempts > 3)
    assert [(e.online, "No such file" in e.why) for e in bench.posted(DeviceState)] == [
        (False, True)
    ]
    port.driver.close()
    assert not port.driver.responsive(0)


def test_an_error_that_nobody_thought_of_is_told_and_the_thread_goes_on(
    bench: Bench, terminal: SimulatedPort
) -> None:
    failures = [RuntimeError("surprise"), ValueError("odd baud"), OSError(19, "gone")]

    def opener(path: str, baud: int) -> serial.Serial:
        if failures:
            raise failures.pop(0)
        return open_port(path, baud)

    port = Port(bench, terminal.path, opener=opener)
    port.wait_for(lambda: port.states == [False, False, False, True])
    assert [event.why for event in bench.posted(DeviceState)] == [
        "RuntimeError: surprise",
        "odd baud",
        f"{terminal.path}: No such device",
        "",
    ]
    assert port.driver.responsive(0)
    port.driver.close()


def test_bytes_are_sent_at_once_to_who_is_there_and_to_nobody_who_comes_later(
    bench: Bench, tmp_path: Path
) -> None:
    heard: list[bytes] = []

    def listen(data: bytes) -> bytes:
        heard.append(data)
        return b""

    terminal = SimulatedPort(tmp_path / "ports" / "code", listen)
    port = Port(bench, terminal.path)
    port.wait_for(lambda: port.states == [True])
    port.driver.send(b"now")
    port.wait_for(lambda: heard == [b"now"])
    terminal.unplug()
    port.wait_for(lambda: port.states[-1] is False)
    port.driver.send(b"late")
    terminal.plug()
    port.wait_for(lambda: port.states[-1] is True)
    port.driver.send(b"again")
    port.wait_for(lambda: b"again" in b"".join(heard))
    assert heard == [b"now", b"again"]
    port.driver.close()
    terminal.unplug()


def test_close_ends_the_thread_while_the_port_is_silent(port: Port) -> None:
    port.driver.close()
    assert not port.driver.responsive(0)


def test_close_ends_the_thread_while_it_waits_to_try_again(bench: Bench, tmp_path: Path) -> None:
    port = Port(bench, tmp_path / "missing", backoff=Backoff(first_s=3600, longest_s=3600))
    port.wait_for(lambda: port.states == [False])
    port.driver.close()
    assert not port.driver.responsive(0)


def test_bytes_that_nobody_takes_are_given_up_as_a_whole(
    bench: Bench, terminal: SimulatedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.hardware.device_thread._ITEMS_KEPT", 0)
    port = Port(bench, terminal.path)
    port.wait_for(lambda: port.states == [True])
    terminal.send(b"x")
    port.wait_for(lambda: False in port.states)
    assert "the device sends faster than the controller reads" in bench.posted(DeviceState)[1].why
    assert port.texts == []
    port.driver.close()


@pytest.mark.usefixtures("port")
def test_a_second_reader_of_the_same_port_is_refused(terminal: SimulatedPort) -> None:
    with pytest.raises(serial.SerialException, match="exclusively lock"):
        open_port(str(terminal.path), 9600)


def test_a_url_port_is_opened_without_a_lock() -> None:
    with open_port("loop://", 9600) as looped:
        looped.write(b"x")
        assert looped.read(1) == b"x"


def test_a_link_that_a_killed_controller_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ports" / "code"
    path.parent.mkdir()
    path.symlink_to("/dev/pts/none")
    port = SimulatedPort(path)
    assert path.readlink().parent == Path("/dev/pts")
    assert path.exists()
    port.unplug()
    assert not path.is_symlink()
