"""`gateway osdp`: pairs the OSDP readers of a running gateway, finds others, and tells of them."""

from __future__ import annotations

import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import data_option, data_option_of, initialised
from gateway.cli.running import controller_of
from gateway.errors import (
    DataDirectoryError,
    DeviceUnavailable,
    InvalidRequest,
    NotFound,
)
from gateway.hardware.osdp.reports import PAIRING_S, KeyPhase
from gateway.link.client import ControllerClient
from gateway.link.osdp import (
    LONGEST_CAPTURE_S,
    CaptureOsdp,
    ChangeOsdpKey,
    FoundOsdpReader,
    MoveOsdpReader,
    OsdpKeyAction,
    OsdpPackets,
    OsdpReaderStatus,
    OsdpScan,
    OsdpStatus,
    ReportOsdp,
    ReportOsdpScan,
    ScanOsdp,
    TakeOsdpPackets,
)
from gateway.settings import OSDP_SPEEDS, SITE_FILE, OsdpReader, SiteFile, read_current_site
from gateway.store.files import STORE_FILE

_LOOK_S = 0.25
_LONGEST_S = PAIRING_S + 30
"""After a pairing the reader must still show its new key."""
_SPEED = click.Choice([str(speed) for speed in OSDP_SPEEDS])


@click.group()
def osdp() -> None:
    """OSDP readers: keys, addresses and speeds, search, and packets."""


@osdp.command()
@data_option
@click.argument("reader")
def pair(data: Path, reader: str) -> None:
    """Give READER, which is in installation mode, a key of its own.

    Waits for it for two minutes; Ctrl+C calls it off. The reader opens nothing meanwhile, and who
    listens to its cable learns the key.
    """
    _exchange(data, reader, OsdpKeyAction.PAIR, "paired")


@osdp.command()
@data_option
@click.argument("reader")
def rotate(data: Path, reader: str) -> None:
    """Give READER a new key over its secure channel."""
    _exchange(data, reader, OsdpKeyAction.ROTATE, "has a new key")


@osdp.command()
@data_option
@click.argument("reader")
@click.option("--to", type=click.IntRange(0, 126), help="Its new address. Default: as it is.")
@click.option("--speed", type=_SPEED, help="Its new speed in bauds. Default: as it is.")
def address(data: Path, reader: str, to: int | None, speed: str | None) -> None:
    """Give READER another address and speed over its secure channel.

    Waits until it is found there. The site file stays as it is: the lines to change are shown, and
    the controller asks the reader there until it starts again.
    """
    order = MoveOsdpReader.model_validate(
        {"reader": reader, "address": to, "baud": speed and int(speed)}
    )
    with controller_of(initialised(data)) as client:
        client.ask(order)
        after = _succeeded(_end(client, reader))
    click.echo(f"reader {reader} has address {after.address} and {after.baud} Bd")
    if after.phase_why:
        click.echo(f"reader {reader}: {after.phase_why}", err=True)
    click.echo(f"change its table in {data / SITE_FILE} before the next start:", err=True)
    click.echo(f"address = {after.address}\nbaud = {after.baud}")


@osdp.command()
@data_option_of(STORE_FILE, required=False)
@click.argument("reader", required=False)
@click.option(
    "--port",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A port that no gateway uses, in the place of --data.",
)
@click.option("--speed", type=_SPEED, multiple=True, help="A speed to try. Default: all.")
@click.option(
    "--address",
    "addresses",
    type=click.IntRange(0, 126),
    multiple=True,
    help="An address to try. Default: all.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the readers pause.")
def scan(
    *,
    data: Path | None,
    reader: str | None,
    port: Path | None,
    speed: tuple[str, ...],
    addresses: tuple[int, ...],
    yes: bool,
) -> None:
    """Find the readers of a bus at every address and speed.

    READER is any one of the bus, and may be left out where there is one bus. Meanwhile no reader of
    that bus reads anything. Ctrl+C ends the search.
    """
    speeds = tuple(map(int, speed)) or OSDP_SPEEDS
    asked = tuple(dict.fromkeys(addresses)) or tuple(range(127))
    if port is not None:
        _print_found(_scan_of_port(port, speeds, asked), str(port), None)
        return
    if data is None:
        raise click.UsageError("Missing option '--data' or '--port'.")
    site = read_current_site(initialised(data))
    readers = _bus_of(site, reader)
    names = ", ".join(it.name for it in readers)
    click.echo(f"{readers[0].port}: nothing is read at {names} meanwhile", err=True)
    if not yes and sys.stdin.isatty():
        click.confirm("Search now?", abort=True, err=True)
    command = ScanOsdp.model_validate(
        {"reader": readers[0].name, "speeds": speeds, "addresses": asked}
    )
    with controller_of(data) as client:
        _print_found(_scan_of_bus(client, command), readers[0].port, site)


@osdp.command()
@data_option
@click.argument("reader")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "--for",
    "for_s",
    type=click.IntRange(1, LONGEST_CAPTURE_S),
    default=60,
    show_default=True,
    help="Seconds.",
)
def packets(data: Path, reader: str, file: Path, for_s: int) -> None:
    """Write what READER and the gateway send each other to FILE, for Wireshark (pcap).

    Cards, typed keys and exchanges of keys are zeros in it. `-` is standard output. Ctrl+C ends it
    early.
    """
    try:
        with click.open_file(str(file), "wb") as out, controller_of(initialised(data)) as client:
            _write_packets(client, reader, for_s, out.write)
    except OSError as error:
        raise DataDirectoryError(
            f"{file} cannot be written: {error.strerror}; root writes it by: gateway osdp packets"
            " ... - > FILE"
        ) from error


def _write_packets(
    client: ControllerClient, reader: str, for_s: int, write: Callable[[bytes], object]
) -> None:
    client.ask(CaptureOsdp(reader=reader, for_s=for_s))
    done, piece = 0, None
    try:
        while True:
            answer = client.ask(TakeOsdpPackets(reader=reader, after=done))
            piece = OsdpPackets.model_validate(answer)
            content = b64decode(piece.content)
            write(content)
            done += len(content)
            if content:
                continue
            if not piece.left_s:
                break
            _progress(f"{piece.packets} packets, {piece.left_s} s left")
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        pass
    _progress("")
    if piece is not None:
        early = ", the most that is kept" if piece.full else ""
        click.echo(f"{piece.packets} packets of reader {reader}{early}", err=True)


def _bus_of(site: SiteFile, reader: str | None) -> list[OsdpReader]:
    """The readers of a bus. Raises NotFound, and InvalidRequest for several buses and no reader."""
    readers = [it for it in site.reader if isinstance(it, OsdpReader)]
    ports = {it.port for it in readers if reader in {None, it.name}}
    if not readers:
        raise NotFound("this site has no OSDP reader; --port searches a port that no gateway uses")
    if not ports:
        there = ", ".join(it.name for it in readers)
        raise NotFound(f"there is no OSDP reader {reader!r}; this site has: {there}")
    if len(ports) > 1:
        raise InvalidRequest(f"name a reader of the bus: there are {', '.join(sorted(ports))}")
    return [it for it in readers if it.port in ports]


def _scan_of_bus(client: ControllerClient, command: ScanOsdp) -> Iterator[FoundOsdpReader]:
    """What answers on a bus of the running controller, as it is found."""
    state = OsdpScan.model_validate(client.ask(command))
    shown = 0
    began_s = time.monotonic()
    try:
        while True:
            yield from state.found[shown:]
            shown = len(state.found)
            if not state.running:
                break
            left_s = max(0, state.longest_s - round(time.monotonic() - began_s))
            _progress(f"{state.done} of {state.steps} asked, at most {left_s} s left")
            time.sleep(_LOOK_S)
            answer = client.ask(ReportOsdpScan(reader=command.reader))
            state = OsdpScan.model_validate(answer)
    except KeyboardInterrupt:
        client.ask(command.model_copy(update={"on": False}))
        raise
    finally:
        _progress("")
    if state.why:
        raise DeviceUnavailable(f"the search ended early: {state.why}")


def _scan_of_port(
    path: Path, speeds: Sequence[int], addresses: Sequence[int]
) -> Iterator[FoundOsdpReader]:
    """What answers on a port that nobody else uses."""
    # Imported late: pyserial takes time, and the other commands do without.
    from gateway.hardware.osdp import scan as search
    from gateway.hardware.osdp.bus import open_port

    steps = search.plan(speeds, addresses)
    progress = search.ScanProgress(len(steps))
    began_s = time.monotonic()

    def goes_on() -> bool:
        left_s = max(0, progress.longest_s - round(time.monotonic() - began_s))
        _progress(f"{progress.done} of {progress.steps} asked, at most {left_s} s left")
        return True

    try:
        with closing(open_port(str(path), speeds[0])) as port:
            for found in search.scan(port, steps, progress, on=goes_on):
                yield FoundOsdpReader.of(asdict(found))
    except OSError as error:
        raise DeviceUnavailable(
            f"{path} cannot be used: {error.strerror or error}; a port of the running gateway is"
            " searched with --data"
        ) from error
    finally:
        _progress("")


def _print_found(found: Iterable[FoundOsdpReader], port: str, site: SiteFile | None) -> None:
    """Print what answers; raises NotFound for nothing."""
    used = {it.index for it in site.reader} if site else set()
    free = (index for index in range(1, 17) if index not in used)
    number = 0
    for number, it in enumerate(found, start=1):  # noqa: B007 - counted
        _progress("")
        click.echo(f"address {it.address}, {it.baud} Bd: {_told(it)}")
        if not it.reader and it.identity:
            click.echo(_table(it, port, next(free, 16)))
    if not number:
        raise NotFound("nobody answered: check supply, A and B, and that the reader speaks OSDP")


def _told(found: FoundOsdpReader) -> str:
    known = found.identity
    if known is None:
        return "answers that cannot be read: several readers with one address, or a bad line"
    secure = "takes" if found.secure else "takes NO"
    named = f"reader {found.reader}" if found.reader else "not in the site file; it could be:"
    return (
        f"maker {known.vendor.to_bytes(3, 'little').hex('-').upper()},"
        f" model {known.model}.{known.version}, serial number {known.serial},"
        f" firmware {'.'.join(map(str, known.firmware.to_bytes(3)))};"
        f" {secure} secure channel; {named}"
    )


def _table(found: FoundOsdpReader, port: str, index: int) -> str:
    """A reader's table of the site file."""
    lines: dict[str, Any] = {
        "name": f'"reader-{index}"',
        "index": index,
        "portal": 1,
        "kind": '"osdp"',
        "port": f'"{port}"',
        "baud": found.baud,
        "address": found.address,
    }
    if not found.secure:
        lines["clear_text"] = "true    # whoever reaches its cable opens the door"
    return "\n".join(["    [[reader]]", *(f"    {key} = {it}" for key, it in lines.items())])


def _progress(text: str) -> None:
    """Show how far it is, in the place of what was shown before."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", err=True, nl=False)


def _exchange(data: Path, reader: str, action: OsdpKeyAction, done: str) -> None:
    """Begin, and wait for the end; raises DeviceUnavailable if it fails."""
    with controller_of(initialised(data)) as client:
        client.ask(ChangeOsdpKey(reader=reader, action=action))
        try:
            after = _end(client, reader)
        except KeyboardInterrupt:
            if action is OsdpKeyAction.PAIR:
                client.ask(ChangeOsdpKey(reader=reader, action=OsdpKeyAction.CANCEL))
            raise
    _succeeded(after)
    click.echo(f"reader {reader} {done}")


def _succeeded(after: OsdpReaderStatus) -> OsdpReaderStatus:
    """Raises DeviceUnavailable for an exchange that failed."""
    if after.phase not in {KeyPhase.DONE, KeyPhase.MOVED}:
        raise DeviceUnavailable(f"reader {after.reader!r}: {after.phase_why or after.why}")
    return after


def _end(client: ControllerClient, reader: str) -> OsdpReaderStatus:
    deadline_s = time.monotonic() + _LONGEST_S
    while (state := _state(client, reader)).exchanging and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
    return state


def _state(client: ControllerClient, reader: str) -> OsdpReaderStatus:
    status = OsdpStatus.model_validate(client.ask(ReportOsdp()))
    return next(it for it in status.readers if it.reader == reader)
