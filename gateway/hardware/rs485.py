"""The direction of an RS-485 port."""

from __future__ import annotations

import serial
from serial.rs485 import RS485Settings

from gateway.settings import Direction


def set_direction(port: serial.Serial, direction: Direction) -> None:
    """Let the port's driver switch between sending and listening, if `direction` says so.

    Raises OSError, with the port closed, for a driver that cannot.
    """
    if direction is not Direction.RTS:
        return
    try:
        port.rs485_mode = RS485Settings()
    except (OSError, ValueError) as error:
        port.close()
        raise OSError(
            f"{port.port}: direction rts: the driver of this port does not switch RS-485 "
            f"({error}); allowed here: auto, with an adapter that switches by itself"
        ) from error
