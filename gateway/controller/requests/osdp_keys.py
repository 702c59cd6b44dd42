"""Carries out requests about the keys of OSDP readers."""

from __future__ import annotations

from typing import Any

from gateway.controller.state.ports import RigPort
from gateway.errors import InvalidRequest, NotFound
from gateway.hardware.osdp.reports import BusOrder, PairReader, RetryNow, RotateKey
from gateway.link.osdp import ChangeOsdpKey, OsdpKeyAction, OsdpReaderStatus, OsdpStatus
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
        reader = self._readers.get(command.reader)
        if reader is None or command.reader not in self._rig.osdp:
            there = ", ".join(self._readers) or "none"
            raise NotFound(f"there is no OSDP reader {command.reader!r}; there are: {there}")
        if reader.clear_text and command.action is not OsdpKeyAction.RETRY:
            raise InvalidRequest(
                f"reader {reader.name!r} is used in clear text: take clear_text out of its table"
            )
        self._rig.osdp[command.reader].order(_order(command))

    def report(self) -> dict[str, Any]:
        """The readers' states."""
        devices = {device.name: device for device in self._rig.devices}
        found = []
        for name, reader in self._readers.items():
            bus = self._rig.osdp.get(name)
            progress = bus.progress.get(name) if bus else None
            found.append(
                OsdpReaderStatus(
                    reader=name,
                    address=reader.address,
                    health=devices[name].health.value,
                    why=devices[name].why,
                    clear_text=reader.clear_text,
                    phase=progress.phase.value if progress else None,
                    phase_why=progress.why if progress else "",
                )
            )
        return OsdpStatus(readers=tuple(found)).model_dump(mode="json")


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
