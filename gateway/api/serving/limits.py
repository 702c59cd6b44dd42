"""What clients may use of the server."""

from __future__ import annotations

import resource
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes."""

    workers: int = 12
    """Requests computed at a time. A command waits up to 2 s for the controller."""
    workers_each: int = 8
    """Of them, for the requests of one address."""
    connections: int = 256
    """In all. Beyond, a new one takes the place of one that is waiting, see `ConnectionCaps`."""
    connections_each: int = 32
    """Of one address."""
    head_s: float = 10.0
    """From the first byte of a request, or from the connection, to the end of its head; includes
    the TLS handshake."""
    idle_s: float = 60.0
    """Between two requests."""
    grace_s: float = 20.0
    """How long a body may bring nothing, and an answer move nothing."""
    slowest: int = 1_000
    """Bytes per second that a body brings, and that a client takes of an answer, in the long run.
    There is no limit for the whole: an upload takes as long as a slow line needs."""
    linger_s: float = 8.0
    linger_bytes: int = 64 * 1024 * 1024
    """How much of a refused body is read and dropped, so that a client which sends all before it
    reads still sees the answer instead of a reset connection."""
    head_bytes: int = 65_536
    whole_bytes: int = 65_536
    """A body below this is complete before a worker gets the request; a larger one is read by the
    worker as it comes."""
    large_at_once: int = 2
    """Requests with a larger body that are worked on at a time, since each may take many times its
    size in memory."""
    large_hold_s: float = 10.0
    """How long one of them that waits for its client keeps its place while others want it. Nobody
    waits where there is a place: then it takes as long as a slow line needs."""
    large_wait_s: float = 20.0
    """How long a further one waits before it is refused."""
    sweep_s: float = 0.5
    """How often the times above are compared with the clock."""
    stop_s: float = 5.0
    """How long requests that run may take when the server stops."""

    def within_descriptors(self) -> int:
        """`connections`, less where the process may not have so many descriptors: the databases
        need their share."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.connections if soft < 0 else min(self.connections, max(8, soft // 4))
