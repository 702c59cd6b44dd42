"""The context of every command: the store, the controller, the machine and the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

import structlog

from gateway.clock import Clock, DeviceTime
from gateway.commands.clearance import NoPeers, Peers
from gateway.commands.enrolment_runner import EnrolmentRunner
from gateway.commands.heavy import HeavyCommands
from gateway.commands.import_progress import ImportProgress
from gateway.commands.listening import Listening
from gateway.commands.live_changes import LiveChanges
from gateway.commands.online_server import OnlineServer, ReachedServer
from gateway.commands.pace import CommandPace
from gateway.commands.rights import Caller, Sessions
from gateway.commands.secret_refusals import SecretRefusals
from gateway.commands.site_rules import NoSiteRules, SiteRules
from gateway.commands.unstored_modes import UnstoredModes
from gateway.errors import GatewayError, NotFound, StorageError
from gateway.explain.rules import RulesCache
from gateway.host.platform import SIMULATED, Platform
from gateway.link.client import ControllerClient
from gateway.settings import SiteFile
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts
from gateway.store.tables.audit import Repeats
from gateway.store.tables.destinations import DestinationState
from gateway.store.tables.identity import DeviceIdentity
from gateway.store.tables.import_changes import ImportChanges
from gateway.store.tables.machine import MachineTable
from gateway.store.tables.tokens import TokenTable

log = structlog.get_logger("commands")

R_co = TypeVar("R_co", covariant=True)

_IN_WHOLE: ContextVar[bool] = ContextVar("in_whole", default=False)
"""Whether the command is one of several that are kept together."""


def _no_restart() -> None:
    """For a process that nothing would start again."""


def _no_servers(name: str) -> NoReturn:
    """For a process that sends nothing."""
    raise NotFound(f"no server is set for {name}")


def _standalone() -> None:
    """No server is asked."""


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What commands use of the api process, which has one context. Thread-safe."""

    store: Store
    controller: ControllerClient
    accounts: Accounts
    tokens: TokenTable
    sessions: Sessions
    catch_up: Callable[[], None]
    """Projects the committed journal into the API's log tables."""
    clock: Clock
    device_time: DeviceTime
    site: SiteFile
    data: Path
    """The data directory."""
    identity: DeviceIdentity
    version: str
    """The version of this program."""
    started_ns: int
    """When the process began, on the monotonic clock."""
    repeats: Repeats = field(default_factory=Repeats)
    """Throttles repeated audit entries."""
    secret_refusals: SecretRefusals = field(default_factory=SecretRefusals)
    """Counts the PINs that were refused to callers who see no secrets."""
    rules_cache: RulesCache = field(default_factory=RulesCache)
    """The compiled rules, for explanations."""
    heavy: HeavyCommands = field(default_factory=HeavyCommands)
    unstored_modes: UnstoredModes = field(default_factory=UnstoredModes)
    """Exception modes in force that the database does not have yet."""
    pace: CommandPace = field(default_factory=CommandPace)
    backup_lock: threading.Lock = field(default_factory=threading.Lock)
    """Held during a backup or a restore."""
    platform: Platform = SIMULATED
    """The machine that commands may change; by default the simulated one, which refuses."""
    probe_lock: threading.Lock = field(default_factory=threading.Lock)
    """Held during a test of the network."""
    listening: Listening | None = None
    """The rules for the addresses of this process; None uses those of the site file."""
    request_restart: Callable[[], None] = _no_restart
    """Restarts this process, for changes that take effect only then."""
    site_digest: str = ""
    """SHA-256 of the text of `site`, hexadecimal."""
    site_rules: SiteRules = field(default_factory=NoSiteRules)
    """Checks of site files against boards."""
    clock_mark: Path | None = None
    """The file that tells the controller that a client has set the clock."""
    machine: MachineTable = field(init=False)
    """The settings of the machine that this device keeps."""
    import_changes: ImportChanges = field(init=False)
    """What the last import changed."""
    import_progress: ImportProgress = field(default_factory=ImportProgress)
    enrolments: EnrolmentRunner = field(default_factory=EnrolmentRunner)
    """Runs enrolments, one at a time."""
    live: LiveChanges = field(default_factory=LiveChanges)
    """Tells the open pages what has changed."""
    peers: Peers = field(default_factory=NoPeers)
    """The other devices of the network interlock."""
    destinations: Callable[[], Sequence[DestinationState]] = tuple
    """How the servers fare that this device sends to. Raises StorageError."""
    log_lines: Callable[[], Sequence[str]] = tuple
    """The newest lines of this process's log."""
    online: Callable[[], OnlineServer | None] = _standalone
    """How the server of the online modes fares; None in standalone mode."""
    probe_destination: Callable[[str], ReachedServer] = _no_servers
    """Tests a server, see `test_destination`; one thread at a time calls it."""

    def __post_init__(self) -> None:
        # The documented way to set derived fields of a frozen dataclass.
        object.__setattr__(self, "machine", MachineTable(self.store))
        object.__setattr__(self, "import_changes", ImportChanges(self.store))

    @contextmanager
    def calling(self, token: str | None, address: str) -> Iterator[Caller]:
        """The caller with a session token, until the answer to its command has been sent.

        A session ends here when its account was deleted or has another password or role. The
        actions that the command left for afterwards then run; their failures are logged.
        """
        with ExitStack() as stack:
            session = stack.enter_context(self.sessions.use(token)) if token else None
            account = self.accounts.find(session.login) if session else None
            if session and (account is None or account.stamp != session.stamp):
                self.sessions.close(session.token)
                account = None
            login, role = (account.login, account.role) if account else (None, None)
            caller = Caller(login, role, token, address)
            yield caller
        run_afterwards(caller)

    @contextmanager
    def policy_applied(self) -> Iterator[None]:
        """Run a write; if it changed rules or people, wait until the controller applies it.

        Waits up to 2 s, and not at all while the controller is away. Within `together` that waits.
        """
        if _IN_WHOLE.get():
            yield
            return
        before = self.store.change_mark()
        yield
        if self.store.change_mark() != before:
            self.controller.await_policy(self.store.policy_version())

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run several commands as one: all of their writes are kept, or none."""
        with self.policy_applied(), self.store.transaction():
            token = _IN_WHOLE.set(True)
            try:
                yield
            finally:
                _IN_WHOLE.reset(token)

    def refresh_logs(self) -> None:
        """Bring the log tables up to date with the journal; on a full disk they stay unchanged."""
        try:
            self.catch_up()
        except StorageError as error:
            log.warning("log tables are behind the journal", reason=str(error))

    def setting(self, module: str, key: str) -> str:
        """A value of the configuration. Raises StorageError."""
        return self.store.configuration({module: [key]})[module][key]

    def has_row(self, object_name: str, id_: int) -> bool:
        """Whether a committed row of the object has this id. Raises StorageError."""
        search = {"object": object_name, "fields": ["id"], "where": {object_name: {"id": id_}}}
        return bool(list(self.store.load(search).rows))

    def require_user(self, user_id: int) -> None:
        """Raise NotFound if nobody has this id."""
        if not self.has_row("users", user_id):
            raise NotFound(f"there is no user {user_id}")


def run_afterwards(caller: Caller) -> None:
    """Do what the command of `caller` left for afterwards; failures are logged."""
    for action in caller.afterwards:
        try:
            action()
        except GatewayError as error:
            log.warning("an action failed after its command was answered", reason=str(error))


@dataclass(frozen=True, slots=True)
class Call(Generic[R_co]):
    """One call of a command, with its checked request."""

    context: CommandContext
    caller: Caller
    request: R_co

    def count_entries(self, count: int = 1) -> None:
        """Count journal entries that the call will cause. Raises TooBusy, see CommandPace."""
        now_ns = self.context.clock.monotonic_ns()
        self.context.pace.take(self.caller.login or "", count, now_ns)
