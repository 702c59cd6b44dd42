"""Process 2 as it is started: by hand, by `gateway run` or by the service manager."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Protocol

import structlog

from gateway import __version__
from gateway.api.announcement import AnnouncedDevice, Announcement
from gateway.api.app import Page, create_app
from gateway.api.controlid.dispatch import run_for_server
from gateway.api.expiry import ExpiredPeople, clock_trusted_by
from gateway.api.network_trial import NetworkTrial
from gateway.api.news import News
from gateway.api.server import Listener, Server
from gateway.api.sessions import MemorySessions
from gateway.api.site_follower import SiteFollower
from gateway.api.upkeep import FileChecks
from gateway.clock import Clock, DeviceTime, SiteZone, SystemClock
from gateway.commands.certificate import certificate_file
from gateway.commands.clearance import Peers
from gateway.commands.clock import adopt_clock
from gateway.commands.context import CommandContext
from gateway.commands.enrolment import close_enrolments
from gateway.commands.enrolment_runner import Enrolled
from gateway.commands.listening import Listening
from gateway.commands.lost_store import sweep_restored
from gateway.commands.modes import end_modes, keep_modes
from gateway.commands.online_server import OnlineServer, ReachedServer
from gateway.commands.server_requests import RunServerRequest
from gateway.commands.site_rules import NoSiteRules, SiteRules
from gateway.errors import ControllerUnavailable, GatewayError, StorageError
from gateway.files import move_aside, sweep_unfinished
from gateway.host.certificate import make_self_signed, server_context
from gateway.host.notify import Notifier
from gateway.host.platform import SIMULATED, Platform
from gateway.link.client import ControllerClient, FactListener
from gateway.link.messages import ControllerStatus, Fact, Projected
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import Registry
from gateway.objects.fields import Extension
from gateway.settings import HttpSettings, SiteFile, running_site
from gateway.settings.addresses import parse_address
from gateway.store.backup import sweep_copies
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.files.copies import sweep_left
from gateway.store.journal import JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts
from gateway.store.tables.destinations import DestinationState
from gateway.store.tables.identity import read_or_mend_identity
from gateway.store.tables.tokens import TokenTable

log = structlog.get_logger("api")


class Outward(Protocol):
    """What sends to servers."""

    def attach(self, context: CommandContext) -> None:
        """Take the context in which commands from a broker run. Called once, before the start."""

    def take_commands(self, run: RunServerRequest) -> None:
        """Let `run` carry out the commands of servers. Called once, before the start."""

    def start(self) -> None: ...

    @property
    def alive(self) -> bool: ...

    def close(self) -> None: ...

    def wake(self) -> None:
        """There may be something new in the journal or the database."""

    def heard(self, fact: Fact | None) -> None:
        """Take a fact of the controller; it must not block."""

    def online(self) -> OnlineServer | None: ...

    @property
    def interlock(self) -> Peers: ...

    def states(self) -> Sequence[DestinationState]: ...

    @property
    def probe(self) -> Callable[[str], ReachedServer]: ...

    def journal_done(self) -> int | None:
        """The last entry of the journal that it needs no more; None if it needs none."""

    def enrolled(self, result: Enrolled) -> None: ...


MakeOutward = Callable[
    [Store, JournalReader, Clock, DeviceTime, int, SiteFile, ControllerClient, Callable[[], bool]],
    Outward,
]
"""Called with the device's id before the site, and with whether the clock is trusted."""


def run_api(
    data: Path,
    http: str | None,
    https: str | None = None,
    platform: Platform = SIMULATED,
    *,
    outward: MakeOutward,
    site_rules: SiteRules | None = None,
    page: Page | None = None,
    log_lines: Callable[[], Sequence[str]] = tuple,
) -> bool:
    """Serve the device API until told to stop; True when it wants to be started again.

    `http` and `https` are addresses that go before those of the database and of the site file, and
    switch on. `platform` is the machine that clients may change. `outward` makes what sends to
    servers; `site_rules` checks site files against boards; `page` is what browsers are shown;
    `log_lines` are the newest of this process's log.

    Raises GatewayError when it cannot start: a wrong site file, a database that cannot be
    opened, an address in use, another api process at work.
    """
    running = running_site(data)
    site = running.site
    stop, anew = threading.Event(), threading.Event()

    def request_restart() -> None:
        anew.set()
        stop.set()

    runtime = RuntimeDirectory.create(data)
    clock = SystemClock()
    zone = SiteZone(site.site.zone)
    device_time = DeviceTime(zone, site.site.wire_time)
    with ExitStack() as stack:
        stack.enter_context(runtime.claim("api", data / STORE_FILE))
        store = stack.enter_context(
            Store.open(data / STORE_FILE, _objects(site), lambda: device_time.stamp(clock.utc()))
        )
        _sweep(data)
        journal = JournalReader(data / JOURNAL_FILE)
        stack.callback(journal.close)
        projection = Projection(store, journal, site.site.access_log_capacity)
        controller = ControllerClient(runtime)
        stack.callback(controller.close)
        trusted = partial(clock_trusted_by, controller)
        identity = read_or_mend_identity(store)
        uplink = outward(
            store, journal, clock, device_time, identity.device_id, site, controller, trusted
        )
        sessions = MemorySessions(clock.monotonic_ns, runtime.sessions)
        context = CommandContext(
            store=store,
            data=data,
            controller=controller,
            accounts=Accounts(store, clock.monotonic_ns),
            tokens=TokenTable(store, clock.utc),
            sessions=sessions,
            catch_up=projection.catch_up,
            clock=clock,
            device_time=device_time,
            site=site,
            identity=identity,
            version=__version__,
            started_ns=clock.monotonic_ns(),
            platform=platform,
            listening=Listening(site.http, http, https),
            request_restart=request_restart,
            site_digest=running.digest,
            site_rules=site_rules or NoSiteRules(),
            clock_mark=runtime.clock_mark,
            destinations=uplink.states,
            log_lines=log_lines,
            online=uplink.online,
            probe_destination=uplink.probe,
            peers=uplink.interlock,
        )
        expired = ExpiredPeople(store, clock, device_time, trusted)
        store.protect()
        context.enrolments.subscribe(uplink.enrolled)
        uplink.take_commands(partial(run_for_server, context))
        uplink.attach(context)
        server = _serve_somewhere(stack, context, page)
        urls = " ".join(server.urls)
        # Before the server stops, which waits for the requests that run.
        stack.callback(close_enrolments, context)
        notifier = Notifier()
        living: list[Living] = [server]
        feed = partial(feed_watchdog, notifier, living)
        follower = _Follower(
            projection,
            store,
            zone,
            feed,
            partial(_follow, context, SiteFollower(data, running, request_restart)),
            controller,
            partial(_outdated, store, journal, request_restart),
            uplink,
        )
        # A question must not wait for the database, which the follower brings up to date.
        _start(
            stack,
            uplink,
            *(FactListener(runtime, it.heard) for it in (uplink, follower, context.live)),
        )
        _stop_by_signals(stop)
        runtime.note("api", urls)
        log.info("api ready", url=urls)
        notifier.ready(urls)
        _announce(stack, server, context)
        checks = FileChecks(data, store, clock, device_time)
        _start(stack, checks, expired, NetworkTrial(context))
        living += [checks, expired, uplink]
        adopt_clock(context)
        stop.wait()
        notifier.stopping()
        sessions.hand_on(runtime.sessions if anew.is_set() else None)
    return anew.is_set()


def _stop_by_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _announce(stack: ExitStack, server: Server, context: CommandContext) -> None:
    """Announce the API in the networks that it listens on, unless the site file says no."""
    site, identity = context.site, context.identity
    if site.http.announce:
        about = AnnouncedDevice(site.site.name, identity.device_id, identity.serial, __version__)
        _start(stack, Announcement(server.listening, about))


class _Part(Protocol):
    def start(self) -> None: ...

    def close(self) -> None: ...


def _start(stack: ExitStack, *parts: _Part) -> None:
    """Start `parts`, which `stack` closes."""
    for part in parts:
        part.start()
        stack.callback(part.close)


def _objects(site: SiteFile) -> Registry:
    """The objects of this device, with the columns of the hardware that it has."""
    uhf = any(reader.kind == "serial_uhf" for reader in site.reader)
    return REGISTRY.fitted({Extension.UHF_READER} if uhf else ())


def _serve_somewhere(stack: ExitStack, context: CommandContext, page: Page | None) -> Server:
    """The server where the database wants it, or where it would be without it: a port that
    somebody else has taken since must not lock everybody out."""
    rules = context.listening or Listening(context.site.http)
    wanted, otherwise = rules.addresses(context.machine.read()), rules.addresses()
    try:
        return stack.enter_context(_server(_at(context, wanted), page))
    except GatewayError as error:
        if wanted == otherwise:
            raise
        log.warning("the addresses set by clients cannot be had", why=str(error))
    return stack.enter_context(_server(_at(context, otherwise), page))


def _at(context: CommandContext, http: HttpSettings) -> CommandContext:
    """`context` as it is for commands that come in at the addresses `http`."""
    return replace(context, site=context.site.model_copy(update={"http": http}))


def _server(context: CommandContext, page: Page | None) -> Server:
    """The server that the site wants, plain HTTP first, not started."""
    http = context.site.http
    listeners = []
    if http.plain_address:
        listeners.append(Listener(*parse_address(http.plain_address)))
    if http.tls:
        certificate = certificate_file(context.data)
        _make_usable(certificate, context.clock.utc())
        listeners.append(Listener(*parse_address(http.tls, "--https"), certificate))
    return Server(create_app(context, page), *listeners)


def _sweep(data: Path) -> None:
    """Remove what killed processes left: copies hold secrets."""
    sweep_copies(data / STORE_FILE)
    sweep_left()
    sweep_restored(data)


def _make_usable(certificate: Path, now: datetime) -> None:
    """Make a certificate where there is none that can be used; a damaged one is put aside.

    Raises StorageError.
    """
    sweep_unfinished(certificate)
    try:
        if os.path.lexists(certificate):
            try:
                server_context(certificate)
            except OSError as error:
                aside = move_aside(certificate)
                log.warning("a new certificate is made", why=str(error), aside=str(aside))
            else:
                return
        make_self_signed(certificate, now)
    except OSError as error:
        raise StorageError(f"{certificate} cannot be used for HTTPS: {error}") from error


def _follow(context: CommandContext, site: SiteFollower, status: ControllerStatus) -> None:
    """Go over to the controller's site file; store exception modes that were only in force, and the
    end of those whose time is over.

    Raises StorageError.
    """
    site.heard(status)
    with suppress(ControllerUnavailable):  # the next heartbeat tries again
        keep_modes(context, status.modes_unstored)
    end_modes(context, status.modes_ended)


class Living(Protocol):
    """A part of the process with a thread of its own."""

    @property
    def alive(self) -> bool: ...


def feed_watchdog(notifier: Notifier, living: Iterable[Living]) -> None:
    """Feed the service's watchdog, unless a thread has died: then a new start is wanted."""
    dead = [type(part).__name__ for part in living if not part.alive]
    if dead:
        log.error("a thread has died; the watchdog is not fed", parts=dead)
    else:
        notifier.alive()


def _outdated(store: Store, journal: JournalReader, request_restart: Callable[[], None]) -> bool:
    """Whether a database must be opened anew, for which the process starts anew."""
    if not (store.outdated or journal.left_locked):
        return False
    log.info("a database must be opened anew; the api starts anew")
    request_restart()
    return True


class _Follower:
    """What the api process does whenever it hears of the controller, or for a second does not."""

    def __init__(
        self,
        projection: Projection,
        store: Store,
        zone: SiteZone,
        feed: Callable[[], None],
        follow: Callable[[ControllerStatus], None],
        controller: ControllerClient,
        outdated: Callable[[], bool],
        uplink: Outward,
    ) -> None:
        """`feed` feeds the service's watchdog; `follow` takes the controller's
        status; `outdated` is true when the process is going to start anew."""
        self._uplink = uplink
        self._controller = controller
        self._outdated = outdated
        self._reported = 0
        """How far the controller knows the journal to be used."""
        self._follow = follow
        self._projection = projection
        self._store = store
        self._zone = zone
        self._feed = feed
        self._failing = False
        self._news = News(store, monotonic)

    def heard(self, fact: Fact | None) -> None:
        """Bring the database up to date with what the controller did and found."""
        self._feed()
        if self._outdated():
            return
        if self._news.brought_by(fact):
            self._uplink.wake()
        try:
            try:
                if fact and fact.status:
                    self._follow(fact.status)
            finally:
                self._projection.catch_up()
            if fact and fact.status:
                self._report_projected()
            configuration = self._store.configuration({"ntp": ["timezone"]})
        except StorageError as error:
            if not self._failing:
                log.warning("the database cannot be brought up to date", why=str(error))
            self._failing = True
            return
        self._failing = False
        self._zone.override(configuration.get("ntp", {}).get("timezone", ""))

    def _report_projected(self) -> None:
        """Tell the controller which entries its journal need no longer keep for the log tables and
        for servers."""
        done = self._projection.done
        sent = self._uplink.journal_done()
        if sent is not None:
            done = min(done, sent)
        if done != self._reported:
            with suppress(ControllerUnavailable):  # the next heartbeat tries again
                self._controller.ask(Projected(seq=done))
                self._reported = done
