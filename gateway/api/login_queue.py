"""Logins take turns, so that guessing slows the guesser and keeps nobody out.

Before its password is verified, the owner's login looks like a guesser's at the same address. So no
login is refused unseen: those of one address are verified one after another in the order of their
arrival, after wrong passwords with a pause between them. A right password is accepted at its turn,
at most `MOST_WAITING * LONGEST_PAUSE_S` after it came, and after those that came before it from
other addresses. A login that waits holds no worker.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from gateway.api.controlid.endpoints import PATHS
from gateway.api.controlid.outgoing import error_response
from gateway.api.reading import whole
from gateway.api.serving.admission import counted_as
from gateway.api.statuses import status_of
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FREE_FAILURES = 5
"""Wrong passwords of an address without a pause."""
FORGIVE_S = 60.0
"""After this time one wrong password is forgotten, then the next."""
FIRST_PAUSE_S = 0.5
"""After the first wrong password that is not free; it doubles with each further one."""
LONGEST_PAUSE_S = 4.0
"""A guesser gets 21,600 passwords a day verified from one address."""
MOST_WAITING = 16
"""Logins of one address that wait: half of its connections, the others are for other requests."""
AT_ONCE = 2
"""Logins of all addresses that are worked on at a time; a hash takes a core for its time."""
MOST_ADDRESSES = 4_096
"""Addresses whose wrong passwords are remembered; the first to fail are forgotten first."""
LONGEST_BODY = 16_384
"""Bytes of a login, read before it takes its turn."""

_GUESSED = frozenset({"login", "begin_setup"})
_PATHS = frozenset(f"/{name}.fcgi" for name, command in PATHS.items() if command.name in _GUESSED)


@dataclass(eq=False, slots=True)
class Turn:
    """One login from arrival to answer."""

    address: str
    started: bool = False


@dataclass(slots=True)
class _Address:
    waiting: deque[Turn] = field(default_factory=deque)
    """The turn that runs, if any, then those that wait."""
    failures: float = 0.0
    failed_at: float = 0.0

    def failures_at(self, now: float) -> float:
        return max(0.0, self.failures - (now - self.failed_at) / FORGIVE_S)

    @property
    def pause_s(self) -> float:
        beyond = self.failures - FREE_FAILURES
        return 0.0 if beyond < 0 else FIRST_PAUSE_S * 2.0 ** min(beyond, 10)


class LoginTurns:
    """Decides whose login is verified next. Any thread may call it."""

    def __init__(
        self, monotonic_s: Callable[[], float], longest_pause_s: float = LONGEST_PAUSE_S
    ) -> None:
        self._monotonic_s = monotonic_s
        self._longest_pause_s = longest_pause_s
        self._lock = threading.Lock()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._waiting: dict[Turn, None] = {}
        """Turns of all addresses that have not started, in the order of their arrival."""
        self._running = 0

    def join(self, address: str) -> Turn | None:
        """A turn behind all others of `address`; None if too many wait. The caller leaves it."""
        with self._lock:
            known = self._addresses.setdefault(address, _Address())
            if len(known.waiting) >= MOST_WAITING:
                return None
            turn = Turn(address)
            known.waiting.append(turn)
            self._waiting[turn] = None
            return turn

    def start(self, turn: Turn) -> bool:
        """Whether the login may be verified now; then it counts as running until it leaves."""
        with self._lock:
            now = self._monotonic_s()
            free = AT_ONCE - self._running
            if turn not in islice((it for it in self._waiting if self._may(it, now)), free):
                return False
            turn.started = True
            del self._waiting[turn]
            self._running += 1
            return True

    def _may(self, turn: Turn, now: float) -> bool:
        """Whether nothing of its own address keeps a turn waiting."""
        known = self._addresses[turn.address]
        pause_s = min(known.pause_s, self._longest_pause_s)
        return known.waiting[0] is turn and now >= known.failed_at + pause_s

    def leave(self, turn: Turn, *, wrong: bool) -> None:
        """The login was answered, `wrong` with a refusal of its password, or was given up."""
        with self._lock:
            known = self._addresses[turn.address]
            known.waiting.remove(turn)
            self._waiting.pop(turn, None)
            self._running -= turn.started
            if wrong:
                now = self._monotonic_s()
                known.failures = known.failures_at(now) + 1
                known.failed_at = now
                self._addresses.move_to_end(turn.address)
            elif not known.waiting and not known.failures:
                del self._addresses[turn.address]
            self._forget()

    def _forget(self) -> None:
        if len(self._addresses) > MOST_ADDRESSES:
            idle = next((it for it, known in self._addresses.items() if not known.waiting), None)
            if idle is not None:
                del self._addresses[idle]


class LoginQueue:
    """WSGI middleware that makes logins take turns; other requests pass.

    An empty piece of its answer tells the server to come back later.
    """

    def __init__(
        self, application: WSGIApplication, turns: LoginTurns, paths: Collection[str] = ()
    ) -> None:
        """`paths` take passwords by POST, beside those of the API."""
        self._application = application
        self._turns = turns
        self._paths = frozenset(paths)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer a request."""
        path = environ["PATH_INFO"]
        posted = path in self._paths and environ["REQUEST_METHOD"] == "POST"
        if path not in _PATHS and not posted:
            return self._application(environ, start_response)
        # What is sent slowly must not hold the turn of others.
        try:
            body = whole(environ["wsgi.input"], LONGEST_BODY)
        except GatewayError as error:
            return error_response(status_of(error), str(error))(environ, start_response)
        turn = self._turns.join(counted_as(environ.get("REMOTE_ADDR", "")))
        if turn is None:
            refusal = error_response(429, "Too many logins of this address wait for their turn")
            refusal.headers["Retry-After"] = "10"
            return refusal(environ, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return _InTurn(self._application, self._turns, turn, environ, start_response)


class _InTurn:
    """The answer to a login: empty pieces while it waits, then that of the application."""

    def __init__(
        self,
        application: WSGIApplication,
        turns: LoginTurns,
        turn: Turn,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> None:
        self._application = application
        self._turns = turns
        self._turn: Turn | None = turn
        self._environ = environ
        self._start_response = start_response
        self._result: Any = None

    def __iter__(self) -> Iterator[bytes]:
        turn = self._turn
        if turn is None:
            return
        while not self._turns.start(turn):
            yield b""
        statuses: list[str] = []

        def start_response(status: str, *more: Any) -> Any:
            statuses.append(status)
            return self._start_response(status, *more)

        try:
            self._result = self._application(self._environ, start_response)
        finally:
            self._leave(wrong=bool(statuses) and statuses[-1].startswith("401"))
        yield from self._result

    def close(self) -> None:
        """End the turn, when the client has gone or has its answer."""
        self._leave(wrong=False)
        if hasattr(self._result, "close"):
            self._result.close()

    def _leave(self, *, wrong: bool) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._turns.leave(turn, wrong=wrong)
