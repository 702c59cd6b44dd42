"""Searches buses of OSDP readers, and captures their packets, for clients."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict
from typing import Any

from gateway.controller.requests.osdp_keys import bus_of
from gateway.controller.state.ports import OsdpBusPort, RigPort
from gateway.errors import NotFound
from gateway.hardware.osdp.scan import plan
from gateway.link.osdp import (
    PACKETS_PIECE,
    CaptureOsdp,
    FoundOsdpReader,
    OsdpPackets,
    OsdpScan,
    ReportOsdpScan,
    ScanOsdp,
    TakeOsdpPackets,
)


class OsdpTools:
    """What a technician does with a bus. The loop's thread alone uses it."""

    def __init__(self, rig: RigPort) -> None:
        self._rig = rig

    def scan(self, command: ScanOsdp) -> dict[str, Any]:
        """Begin or end a search. Raises NotFound for a reader that speaks no OSDP,
        DeviceUnavailable while the port is not open, TooBusy while something else goes on."""
        bus = bus_of(self._rig, command.reader)
        if command.on:
            bus.search(plan(command.speeds, command.addresses))
        else:
            bus.stop_search()
        return _scan_of(bus)

    def report_scan(self, command: ReportOsdpScan) -> dict[str, Any]:
        """The latest search of a bus. Raises NotFound as `scan`."""
        return _scan_of(bus_of(self._rig, command.reader))

    def capture(self, command: CaptureOsdp) -> None:
        """Begin to keep the packets of a reader. Raises NotFound as `scan`."""
        bus_of(self._rig, command.reader).capture(command.reader, command.for_s)

    def packets(self, command: TakeOsdpPackets) -> dict[str, Any]:
        """A piece of a capture. Raises NotFound for none of this reader."""
        capture = bus_of(self._rig, command.reader).captured
        if capture is None or capture.reader != command.reader:
            raise NotFound(f"no packets of reader {command.reader!r} were captured")
        left_s = capture.left_s  # before the piece: what comes later is not missed
        piece = capture.after(command.after, PACKETS_PIECE)
        return OsdpPackets(
            content=b64encode(piece).decode(),
            packets=capture.packets,
            left_s=left_s,
            full=capture.full,
        ).model_dump(mode="json")


def _scan_of(bus: OsdpBusPort) -> dict[str, Any]:
    port = next(iter(bus.settings.values())).port
    progress = bus.searched
    if progress is None:
        return OsdpScan(port=port).model_dump(mode="json")
    named: dict[tuple[int, int], str] = {
        (it.address, it.baud): it.name for it in bus.settings.values()
    }
    return OsdpScan(
        port=port,
        running=progress.running,
        done=progress.done,
        steps=progress.steps,
        longest_s=progress.longest_s,
        why=progress.why,
        found=tuple(
            FoundOsdpReader.of(asdict(it), named.get((it.address, it.baud), ""))
            for it in progress.found
        ),
    ).model_dump(mode="json")
