"""The site file `gateway.toml` as typed, checked settings.

It declares the board, and the pins and ports of readers, doors and zones. Everything that the API
has a key or a row for is in the database only; `init` writes the `initial` tables there once. Every
refusal names the key, what was found and what is allowed.
"""

from gateway.settings.alarms import Power
from gateway.settings.device import ACCESS_LOG_CAPACITY, HttpSettings, ServerSettings
from gateway.settings.doors import Door, Egress, RexMode, Side, Turnstile
from gateway.settings.files import (
    LAST_GOOD,
    SITE_FILE,
    accept_site,
    end_problem,
    keep_last_good,
    missing_parts,
    parse_site,
    read_current_site,
    read_running_site,
    read_site,
    read_text,
    with_end,
)
from gateway.settings.mqtt import MqttSettings
from gateway.settings.readers import (
    ByteOrder,
    CardNumbering,
    CardProtocol,
    Edges,
    Encoding,
    HidReader,
    PcscReader,
    Reader,
    SerialCardReader,
    SerialQrReader,
    SerialReader,
    SerialUhfReader,
    Shows,
    SixBitKeys,
    UhfProtocol,
    WiegandReader,
)
from gateway.settings.refusals import describe
from gateway.settings.sec_boxes import Direction, LineParity, SecBox
from gateway.settings.site import SiteFile
from gateway.settings.wires import FixedInput, Input, Level, LockState, Output, Pull, Strike

__all__ = [
    "ACCESS_LOG_CAPACITY",
    "LAST_GOOD",
    "SITE_FILE",
    "ByteOrder",
    "CardNumbering",
    "CardProtocol",
    "Direction",
    "Door",
    "Edges",
    "Egress",
    "Encoding",
    "FixedInput",
    "HidReader",
    "HttpSettings",
    "Input",
    "Level",
    "LineParity",
    "LockState",
    "MqttSettings",
    "Output",
    "PcscReader",
    "Power",
    "Pull",
    "Reader",
    "RexMode",
    "SecBox",
    "SerialCardReader",
    "SerialQrReader",
    "SerialReader",
    "SerialUhfReader",
    "ServerSettings",
    "Shows",
    "Side",
    "SiteFile",
    "SixBitKeys",
    "Strike",
    "Turnstile",
    "UhfProtocol",
    "WiegandReader",
    "accept_site",
    "describe",
    "end_problem",
    "keep_last_good",
    "missing_parts",
    "parse_site",
    "read_current_site",
    "read_running_site",
    "read_site",
    "read_text",
    "with_end",
]
