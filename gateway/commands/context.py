"""What every command works on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from gateway.clock import Clock, DeviceTime
from gateway.commands.enrolment_desk import EnrolmentDesk
from gateway.commands.listening import Listening
from gateway.commands.rights import Caller, Sessions
from gateway.errors import GatewayError, StorageError
from gateway.explain.rules import RulesCache
from gateway.host.platform import SIMULATED, Platform
from gateway.link.client import ControllerClient
from gateway.settings import SiteFile
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts
from gateway.store.tables.audit import Repeats
from gateway.store.tables.identity import DeviceIdentity
from gateway.store.tables.machine import MachineTable
from gateway.store.tables.tokens import TokenTable

log = structlog.get_logger("commands")

R_co = TypeVar("R_co", covariant=True)


def _go_on() -> None:
    """Of a process that nobody would start again."""


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The parts of the api process that commands use. One for the whole process, any thread."""

    store: Store
    controller: ControllerClient
    accounts: Accounts
    tokens: TokenTable
    sessions: Sessions
    catch_up: Callable[[], None]
    """Brings the API's log tables up to the journal as it is committed now."""
    clock: Clock
    device_time: DeviceTime
    site: SiteFile
    data: Path
    """The data directory, whose disk counts."""
    identity: DeviceIdentity
    version: str
    """Of this program, as `system_information` tells it."""
    started_ns: int
    """Monotonic instant at which the process began."""
    repeats: Repeats = field(default_factory=Repeats)
    """What the audit log has been told already."""
    rules_cache: RulesCache = field(default_factory=RulesCache)
    """The rules as this process has compiled them, for explanations."""
    copying: threading.Lock = field(default_factory=threading.Lock)
    """Held while a backup is made or taken back."""
    platform: Platform = SIMULATED
    """The machine that may be changed; by default none."""
    probing: threading.Lock = field(default_factory=threading.Lock)
    """Held while the network is tested."""
    listening: Listening | None = None
    """What decides where this process listens; None leaves it to the site."""
    begin_anew: Callable[[], None] = _go_on
    """Has this process end and start again, for what it takes up only then."""
    clock_mark: Path | None = None
    """Where to leave a mark for the controller when a client has set the clock."""
    machine: MachineTable = field(init=False)
    """What this device remembers of the machine."""
    enrolments: EnrolmentDesk = field(default_factory=EnrolmentDesk)
    """The enrolment that runs, and who is told of those that nobody waits for."""

    def __post_init__(self) -> None:
        # The way around `frozen` that dataclasses have for a field made of others.
        object.__setattr__(self, "machine", MachineTable(self.store))

    @contextmanager
    def calling(self, token: str | None, address: str) -> Iterator[Caller]:
        """The caller behind a session token, until the answer to its command has gone out.

        Then follows what the command left for afterwards; a failure of that is logged.
        """
        with self._calling(token, address) as caller:
            yield caller
        for action in caller.afterwards:
            try:
                action()
            except GatewayError as error:
                log.warning("what was answered could not be done", reason=str(error))

    @contextmanager
    def _calling(self, token: str | None, address: str) -> Iterator[Caller]:
        """The caller behind a session token.

        A session whose account is gone, or has another password or role since, ends here.
        """
        nobody = Caller(None, None, token, address)
        if not token:
            yield nobody
            return
        with self.sessions.use(token) as session:
            if session is None:
                yield nobody
                return
            account = self.accounts.find(session.login)
            if account is None or account.stamp != session.stamp:
                self.sessions.close(token)
                yield nobody
                return
            yield Caller(account.login, account.role, token, address)

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """Run a write; when it changed the rules, go on once the controller decides by them.

        That takes up to 2 s; if the controller is away, it is gone on all the same, since it
        compares versions at each decision.
        """
        before = self.store.policy_version()
        yield
        version = self.store.policy_version()
        if version != before:
            self.controller.await_policy(version)

    def refresh_logs(self) -> None:
        """Make visible in the log tables what the controller has committed.

        What cannot be brought up to date (a full disk) is shown as it stands.
        """
        try:
            self.catch_up()
        except StorageError as error:
            log.warning("log tables are behind the journal", reason=str(error))


@dataclass(frozen=True, slots=True)
class Call(Generic[R_co]):
    """One call of a command: what it works on, who calls, and the checked request."""

    context: CommandContext
    caller: Caller
    request: R_co
