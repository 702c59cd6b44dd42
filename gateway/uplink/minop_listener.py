"""The listener of the second vendor ("Minop"): a POST for each identification of a person.

Not documented by the vendor and decided here:

- A person is identified with the final row of an access: granted (7), denied (6) or waiting for
  further persons (8). A first factor (4) is not final, and an unknown credential is nobody.
- `stgid` is this device's id, `UserID` is `users.id`, `LogTime` is the site's wall clock.
- `Type` has the vendor's numbers of an input, of which a PIN has none: 3 is what devices of this
  family use for a password. 0 is an access without a credential, such as one that a server decided.
- Only `ok` takes a message. It goes out until then, and later ones wait, so that none is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from gateway.clock import DeviceTime
from gateway.objects.server_address import ServerAddress, server_address
from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.objects.store import Store
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.http_client import HttpAnswer, HttpClient, json_content
from gateway.uplink.monitor import Notification
from gateway.uplink.outbox import Change

_GRANTED, _DENIED, _WAITING = 7, 6, 8
MINOP = "minop"
"""The destination's name."""
IDENTIFIED = frozenset({_GRANTED, _DENIED, _WAITING})
"""Events of access_logs that end the identification of a person."""
CARD, PIN, NOTHING_READ = "4", "3", "0"
_CARDS = ("card_value", "uhf_tag", "qrcode_value")
_SHOWN = 40
"""Characters of an answer that an error shows."""

log = structlog.get_logger("minop")


def identification(device_id: int, row: Mapping[str, object], local_s: int) -> dict[str, str]:
    """The message of a row of access_logs; `local_s` is the site's wall clock, counted as UTC."""
    kind = NOTHING_READ
    if any(row.get(name) for name in _CARDS):
        kind = CARD
    elif row.get("pin_value"):
        kind = PIN
    return {
        "stgid": str(device_id),
        "UserID": str(row["user_id"]),
        "LogTime": f"{datetime.fromtimestamp(local_s, UTC):%Y-%m-%d %H:%M:%S}",
        "Type": kind,
    }


def is_ok(answer: HttpAnswer) -> bool:
    """Whether the server took the message: a 2xx with the text `ok`, also as a JSON string."""
    if not 200 <= answer.status < 300 or answer.body is None:
        return False
    text = answer.body.decode("utf-8-sig", errors="replace").strip()
    return text.strip('"').strip().lower() == "ok"


class MinopChannel:
    """POSTs identifications to `minop.listener` of the configuration, as a channel of an outbox."""

    name = MINOP
    kinds = (EntryKind.ACCESS,)
    tables = ()
    probed = False
    held = None
    success_utc = 0
    alive_s = 0.0

    def __init__(
        self, store: Store, device_time: DeviceTime, device_id: int, servers: ServerSettings
    ) -> None:
        self._store = store
        self._device_time = device_time
        self._device_id = device_id
        self._client = HttpClient(servers.ca_file)
        self._address: ServerAddress | None = None
        self._timeout_s = 0.0

    def configure(self) -> str | None:
        values = self._store.configuration({"minop": ["listener", "request_timeout"]})["minop"]
        self._timeout_s = int(values["request_timeout"]) / 1000
        text = values["listener"]
        self._address = server_address("minop.listener", text) if text.strip() else None
        return self._address.shown if self._address else None

    def told_of(self, entries: list[CommittedEntry]) -> list[tuple[int, list[Notification]]]:
        told = []
        for entry in entries:
            row = entry.body["row"]
            if not row.get("user_id") or row["event"] not in IDENTIFIED:
                continue
            local_s = self._device_time.local(entry.utc)
            body = identification(self._device_id, row, local_s)
            told.append((entry.seq, [Notification(f"user {row['user_id']}", body)]))
        return told

    def told_of_change(self, _: Change) -> None:
        """Nothing: it is told of no table."""

    def alive(self) -> Notification:
        raise NotImplementedError("the listener knows no keep-alive")

    def send(self, message: Notification) -> tuple[SendOutcome, str]:
        address = self._address
        if address is None:
            raise RuntimeError("the listener is off")
        content, target = json_content(message.body), address.target()
        answer = self._client.request(
            address, target, self._timeout_s, content=content, kind="application/json"
        )
        if is_ok(answer):
            return SendOutcome.ACCEPTED, ""
        if 200 <= answer.status < 300 and answer.body is not None:
            found = answer.body[:_SHOWN].decode(errors="replace")
            return SendOutcome.FAILED, f"answered {answer.status} and {found!r} instead of ok"
        status = f"answered {answer.status}" if answer.status else ""
        return SendOutcome.FAILED, ": ".join(part for part in (status, answer.why) if part)

    def abort(self) -> None:
        self._client.abort()

    def close(self) -> None:
        self._client.close()
