"""`gateway osdp`: pairs the OSDP readers of a running gateway, and changes their keys."""

from __future__ import annotations

import time
from pathlib import Path

import click

from gateway.cli.options import data_option, initialised
from gateway.cli.running import controller_of
from gateway.errors import DeviceUnavailable
from gateway.hardware.osdp.reports import PAIRING_S, KeyPhase
from gateway.link.client import ControllerClient
from gateway.link.osdp import (
    ChangeOsdpKey,
    OsdpKeyAction,
    OsdpReaderStatus,
    OsdpStatus,
    ReportOsdp,
)

_LOOK_S = 0.25
_LONGEST_S = PAIRING_S + 30
"""After a pairing the reader must still show its new key."""


@click.group()
def osdp() -> None:
    """OSDP readers of a running gateway."""


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
    if after.phase != KeyPhase.DONE:
        raise DeviceUnavailable(f"reader {reader!r}: {after.phase_why or after.why}")
    click.echo(f"reader {reader} {done}")


def _end(client: ControllerClient, reader: str) -> OsdpReaderStatus:
    deadline_s = time.monotonic() + _LONGEST_S
    while (state := _state(client, reader)).exchanging and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
    return state


def _state(client: ControllerClient, reader: str) -> OsdpReaderStatus:
    status = OsdpStatus.model_validate(client.ask(ReportOsdp()))
    return next(it for it in status.readers if it.reader == reader)
