"""Carries out requests about the keys, addresses and speeds of OSDP readers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.controller.state.ports import OsdpBusPort, RigPort
from gateway.errors import InvalidRequest, NotFound
from gateway.hardware.devices import NOT_OPEN_YET, Device
from gateway.hardware.osdp.reports import (
    BusOrder,
    MoveReader,
    PairReader,
    ReaderFacts,
    RetryNow,
    RotateKey,
)
from gateway.hardware.osdp.supervision import (
    CONNECTING,
    PAIRED_NOW,
    REFUSES,
    SCANNED_NOW,
    SILENT,
    UNPAIRED,
)
from gateway.link.osdp import (
    ChangeOsdpKey,
    MoveOsdpReader,
    OsdpCondition,
    OsdpIdentity,
    OsdpKeyAction,
    OsdpReaderStatus,
    OsdpStatus,
)
from gateway.settings import OsdpReader, SiteFile


class OsdpKeys:
    """The readers' keys, for clients. The loop's thread alone uses it."""

    def __init__(self, site: SiteFile, rig: RigPort) -> None:
        self._readers = {it.name: it for it in site.reader if isinstance(it, OsdpReader)}
        self._rig = rig

    def change(self, command: ChangeOsdpKey) -> None:
        """Begin what is asked.

        Raises NotFound for a reader that speaks no OSDP, InvalidRequest for a key of a reader that
        is used in clear text, DeviceUnavailable for a key while the port is not open.
        """
        reader = bus_of(self._rig, command.reader).settings[command.reader]
        if reader.clear_text and command.action is not OsdpKeyAction.RETRY:
            raise InvalidRequest(
                f"reader {reader.name!r} is used in clear text: take clear_text out of its table"
            )
        self._rig.osdp[command.reader].order(_order(command))

    def move(self, command: MoveOsdpReader) -> None:
        """Begin to give a reader another address and speed.

        Raises NotFound and DeviceUnavailable as `change`, and InvalidRequest for a reader without a
        secure channel, an address that another reader of the bus has, or what it has already.
        """
        bus = bus_of(self._rig, command.reader)
        reader = bus.settings[command.reader]
        if reader.clear_text:
            raise InvalidRequest(f"reader {reader.name!r} is used in clear text")
        address = reader.address if command.address is None else command.address
        baud = reader.baud if command.baud is None else command.baud
        if (address, baud) == (reader.address, reader.baud):
            raise InvalidRequest(f"reader {reader.name!r} has address {address} and {baud} Bd")
        for other in bus.settings.values():
            if other.name != reader.name and other.address == address:
                raise InvalidRequest(f"reader {other.name!r} of this bus has address {address}")
        bus.order(MoveReader(reader.name, address, baud))

    def report(self) -> dict[str, Any]:
        """The readers' states."""
        devices = {device.name: device for device in self._rig.devices}
        found = []
        for name, reader in self._readers.items():
            bus = self._rig.osdp.get(name)
            progress = bus.progress.get(name) if bus else None
            now = bus.settings[name] if bus else reader
            facts = (bus.facts.get(name) if bus else None) or ReaderFacts(name)
            device = devices[name]
            found.append(
                OsdpReaderStatus(
                    reader=name,
                    address=now.address,
                    baud=now.baud,
                    health=device.health.value,
                    why=device.why,
                    condition=_condition(device, clear_text=reader.clear_text),
                    paired=facts.paired,
                    tamper=facts.tamper,
                    power_fault=facts.power_fault,
                    new_serial=facts.new_serial,
                    dropped=facts.dropped,
                    identity=OsdpIdentity(**asdict(facts.identity)) if facts.identity else None,
                    counters=device.counters,
                    clear_text=reader.clear_text,
                    phase=progress.phase.value if progress else None,
                    phase_why=progress.why if progress else "",
                    failure=progress.failure if progress else None,
                    left_s=bus.pairing_left_s(name) if bus else 0,
                )
            )
        return OsdpStatus(readers=tuple(found)).model_dump(mode="json")


_CONDITIONS = {
    SILENT: OsdpCondition.SILENT,
    REFUSES: OsdpCondition.REFUSED,
    CONNECTING: OsdpCondition.CONNECTING,
    NOT_OPEN_YET: OsdpCondition.CONNECTING,
    UNPAIRED: OsdpCondition.UNPAIRED,
    PAIRED_NOW: OsdpCondition.PAIRING,
    SCANNED_NOW: OsdpCondition.SEARCHED,
}
"""Why a reader is offline -> its condition; any other reason is one of the bus."""


def _condition(device: Device, *, clear_text: bool) -> OsdpCondition:
    if not device.online:
        return _CONDITIONS.get(device.why, OsdpCondition.BUS)
    return OsdpCondition.CLEAR_TEXT if clear_text else OsdpCondition.SECURE


def bus_of(rig: RigPort, reader: str) -> OsdpBusPort:
    """The bus of a reader. Raises NotFound for one that speaks no OSDP."""
    if reader not in rig.osdp:
        there = ", ".join(rig.osdp) or "none"
        raise NotFound(f"there is no OSDP reader {reader!r}; there are: {there}")
    return rig.osdp[reader]


def _order(command: ChangeOsdpKey) -> BusOrder:
    match command.action:
        case OsdpKeyAction.PAIR:
            return PairReader(command.reader)
        case OsdpKeyAction.CANCEL:
            return PairReader(command.reader, on=False)
        case OsdpKeyAction.ROTATE:
            return RotateKey(command.reader)
        case OsdpKeyAction.RETRY:
            return RetryNow(command.reader)
