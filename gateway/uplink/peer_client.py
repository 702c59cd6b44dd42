"""Another device of the site, as this one asks it: over the API that both serve.

A peer may be a device of the vendor: it is asked nothing but `login`, `execute_actions`,
`doors_state` and `logout` (Access API).
"""

from __future__ import annotations

import json
import math
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.errors import DeviceUnavailable, InvalidRequest
from gateway.host.certificate import fingerprint_of
from gateway.objects.server_address import ServerAddress, server_address
from gateway.uplink.http_client import HttpAnswer, HttpClient, unverified_context

LOGOUT_S = 1.0
"""Longest time for ending a session; it then ends by itself."""
_LONGEST_TOKEN = 200
_SHA256 = re.compile(r"(?:[0-9A-F]{64})?")
_NOT_SERVED = frozenset({404, 405, 501})
_LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Peer:
    """A device, and how this one logs in there."""

    name: str
    address: ServerAddress
    login: str
    password: str = field(repr=False)
    fingerprint: str = ""
    """As `fingerprint_of` gives it; empty for a certificate that the authorities of this machine
    verify."""
    ca_file: Path | None = None
    """Further authorities."""


def peer_address(key: str, host: str, port: str = "") -> ServerAddress:
    """Where a peer is: https:// unless the text says otherwise. Raises InvalidRequest."""
    if not host.strip():
        raise InvalidRequest(f"{key}: no address is stored")
    return server_address(key, host, port, scheme="https")


def checked_peer(peer: Peer, *, plain: bool) -> Peer:
    """`peer`, its fingerprint in upper case without colons, if its password may be sent there.

    `plain` allows http://. Raises InvalidRequest.
    """
    if not peer.login:
        raise InvalidRequest("no login is stored for it: `gateway peer add`")
    if not peer.address.tls and not plain:
        raise InvalidRequest(
            f"{peer.address.shown} is without TLS: its password is sent over https:// only, unless "
            "the site file has plain_secrets = true in [servers]"
        )
    fingerprint = peer.fingerprint.replace(":", "").upper()
    if not _SHA256.fullmatch(fingerprint):
        raise InvalidRequest("fingerprint: 64 hexadecimal digits, or none, are allowed")
    return replace(peer, fingerprint=fingerprint)


class NotServed(DeviceUnavailable):
    """The peer does not know a command."""


class PeerClient:
    """Asks one peer, one session at a time. One thread uses it, except for `abort`."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._http = HttpClient(peer.ca_file, peer.fingerprint)

    @contextmanager
    def session(self, timeout_s: float) -> Iterator[PeerSession]:
        """A session, whose requests all end within `timeout_s`. Raises DeviceUnavailable.

        The log-in shows that the peer answers now, so that what follows it is not carried out
        much later by one that was stopped.
        """
        try:
            yield self.opened(time.monotonic() + timeout_s)
        finally:
            self.close()

    def opened(self, ends_s: float) -> PeerSession:
        """A session whose requests all end by `ends_s` (monotonic). Raises DeviceUnavailable."""
        return PeerSession(self._http, self.peer, ends_s)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def abort(self) -> None:
        """End the running request, and refuse others. Any thread may call it."""
        self._http.abort()


class PeerSession:
    """A session at a peer. The methods raise DeviceUnavailable, which says what went wrong."""

    def __init__(self, http: HttpClient, peer: Peer, ends_s: float) -> None:
        """Log in; `ends_s` is monotonic."""
        self._http = http
        self._peer = peer
        self.ends_s = ends_s
        """When its requests have ended (monotonic)."""
        self._token = ""
        sent_s = time.time()
        answer = self._post("login", {"login": peer.login, "password": peer.password})
        token = _members(answer, "login").get("session")
        if not isinstance(token, str) or not 1 <= len(token) <= _LONGEST_TOKEN:
            raise DeviceUnavailable("login: it answered without a session")
        self._token = quote(token, safe="")
        self.clock_ahead_s = clock_ahead_s(answer.date, sent_s, time.time())
        """By how much the peer's clock is ahead of this one's, as far as its answer shows; None if
        it does not."""

    def execute(self, actions: Sequence[Mapping[str, str]]) -> None:
        """Have `actions` carried out, all in one request."""
        found = _json(self._post("execute_actions", {"actions": list(actions)}))
        # The answer of a device with a network interlock; another body says nothing.
        states = found.get("actions") if isinstance(found, dict) else None
        if isinstance(states, list) and any(
            isinstance(state, dict) and state.get("status") == "denied" for state in states
        ):
            raise DeviceUnavailable("execute_actions: its interlock denied it")

    def doors(self) -> Mapping[str, bool]:
        """Whether each door is open; the names are `door 1`, `sec_box 65793`."""
        found = _members(self._post("doors_state", {}), "doors_state")
        doors = {}
        for key, word in (("doors", "door"), ("sec_boxes", "sec_box")):
            rows = found.get(key, [])
            for row in rows if isinstance(rows, list) else ():
                if not isinstance(row, dict) or type(row.get("open")) is not bool:
                    raise DeviceUnavailable("doors_state: it answered without the state of a door")
                doors[f"{word} {row.get('id')}"] = row["open"]
        if not doors:
            raise DeviceUnavailable("doors_state: it answered without any door")
        return doors

    def announce(self, device: int) -> str:
        """Tell that this `device` wants to open a door; what the peer says to that.

        Raises NotServed too.
        """
        found = _members(self._post("announce_opening", {"device_id": device}), "announce_opening")
        return str(found.get("state"))

    def logout(self) -> None:
        """End the session, whatever comes of it."""
        self.ends_s = time.monotonic() + LOGOUT_S
        self._http.post(self._address(), "logout.fcgi", {}, LOGOUT_S)

    def _post(self, command: str, body: Mapping[str, Any]) -> HttpAnswer:
        left_s = self.ends_s - time.monotonic()
        if left_s <= 0:
            raise DeviceUnavailable(f"{command}: no answer in time")
        answer = self._http.post(self._address(), f"{command}.fcgi", body, left_s)
        if 200 <= answer.status < 300:
            return answer
        if not answer.status:
            raise DeviceUnavailable(f"{command}: {answer.why}")
        words = answer.why or _error_of(answer)
        failure = NotServed if answer.status in _NOT_SERVED else DeviceUnavailable
        raise failure(f"{command}: it answered {answer.status}" + (f": {words}" if words else ""))

    def _address(self) -> ServerAddress:
        address = self._peer.address
        return replace(address, query=f"session={self._token}") if self._token else address


def shown_fingerprint(address: ServerAddress, timeout_s: float) -> str:
    """The fingerprint of the certificate that a server shows; whose it is, nobody has checked.

    Raises DeviceUnavailable.
    """
    try:
        with (
            socket.create_connection((address.host, address.port), timeout_s) as plain,
            unverified_context().wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
    except OSError as error:  # TLS's included
        raise DeviceUnavailable(f"{address.shown}: {error}") from error
    return fingerprint_of(shown or b"")


def _members(answer: HttpAnswer, command: str) -> Mapping[str, Any]:
    if answer.body is None:
        raise DeviceUnavailable(f"{command}: {answer.why}")
    found = _json(answer)
    if not isinstance(found, dict):
        raise DeviceUnavailable(f"{command}: it answered without JSON")
    return found


def _json(answer: HttpAnswer) -> Any:
    try:
        return json.loads(answer.body or b"{}")
    except (ValueError, RecursionError):
        return None


def _error_of(answer: HttpAnswer) -> str:
    """The peer's words, as far as a terminal can show them."""
    found = _json(answer)
    text = found.get("error") if isinstance(found, dict) else None
    if not isinstance(text, str):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_WORDS])


def clock_ahead_s(date: str, sent_s: float, received_s: float) -> int | None:
    """By how much a clock that showed `date` is ahead, in whole seconds.

    `date` is the header of an answer that came between `sent_s` and `received_s` (Unix time); it
    was made at any of these instants, and it has whole seconds.
    """
    try:
        found = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    shown_s = found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    if shown_s + 1 < sent_s:
        return math.floor(shown_s + 1 - sent_s)
    return math.ceil(max(0.0, shown_s - received_s))
