"""Network probes with a time limit: name look-up, ping, TCP connection.

Look-up and ping run the system's programs: a look-up inside this process cannot be cancelled, and a
ping needs privileges that this process does not have.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time

from gateway.errors import GatewayError, NotSupportedHere

LIMIT_S = 4
"""Limit of one look-up, ping or connection. API clients wait 10 s."""
LONGEST_HOST = 253
"""Characters of a host name (RFC 1035, 2.3.4)."""
HOST_PATTERN = r"^[A-Za-z0-9_:]([A-Za-z0-9_.:-]*[A-Za-z0-9_.:])?$"
"""Names and addresses; excludes command line options."""

_TIME = re.compile(r"time[=<]([0-9.]+) ms")
_PLAIN_WORDS = {**os.environ, "LC_ALL": "C"}


class Unreachable(GatewayError, ConnectionError):
    """A probe did not reach the host; the text says why."""


def look_up(host: str) -> tuple[str, ...]:
    """Return the addresses of `host`. Raises Unreachable, NotSupportedHere."""
    done = _run("getent", "ahosts", host)
    addresses = tuple(dict.fromkeys(line.split()[0] for line in done.stdout.splitlines() if line))
    if done.returncode != 0 or not addresses:
        raise Unreachable("the name is not known")
    return addresses


def ping(host: str) -> float:
    """Return the round-trip time in ms of one ping. Raises Unreachable, NotSupportedHere."""
    done = _run("ping", "-n", "-c", "1", "-W", str(LIMIT_S - 1), host)
    found = _TIME.search(done.stdout)
    if done.returncode == 0 and found:
        return float(found[1])
    if done.returncode == 1:
        raise Unreachable("no answer")
    raise Unreachable((done.stderr.strip().splitlines() or ["the host cannot be reached"])[-1])


def connect(host: str, port: int) -> float:
    """Open and close a TCP connection to `port` of `host`; returns the time to connect in ms.

    Raises Unreachable, NotSupportedHere.
    """
    address = look_up(host)[0]
    began = time.monotonic()
    try:
        socket.create_connection((address, port), timeout=LIMIT_S).close()
    except TimeoutError:
        raise Unreachable("no answer") from None
    except OSError as error:
        raise Unreachable((error.strerror or str(error)).lower()) from None
    return round((time.monotonic() - began) * 1000, 1)


def _run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    path = shutil.which(program)
    if path is None:
        raise NotSupportedHere(f"this machine has no program {program}")
    try:
        return subprocess.run(  # noqa: S603 - the host was matched with HOST_PATTERN
            [path, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            env=_PLAIN_WORDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreachable("no answer") from None
    except OSError as error:
        raise NotSupportedHere(f"{program} cannot be run: {error.strerror}") from error
