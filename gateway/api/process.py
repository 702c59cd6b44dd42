"""Process 2 as it is started: by hand, by `gateway run` or by the service manager."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from pathlib import Path

import structlog

from gateway import __version__
from gateway.api.app import create_app
from gateway.api.server import Server, parse_address
from gateway.api.sessions import MemorySessions
from gateway.clock import DeviceTime, SiteZone, SystemClock
from gateway.commands.certificate import certificate_file
from gateway.commands.context import CommandContext
from gateway.errors import StorageError
from gateway.host.certificate import make_self_signed
from gateway.host.notify import Notifier
from gateway.link.client import ControllerClient, FactListener
from gateway.link.messages import Fact
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SiteFile, read_running_site
from gateway.store.accounts import Accounts
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.identity import read_identity
from gateway.store.journal import JournalReader
from gateway.store.objects_store import Store
from gateway.store.projection import Projection
from gateway.store.tokens import Tokens

log = structlog.get_logger("api")


def run_api(data: Path, http: str | None, https: str | None = None) -> None:
    """Serve the device API until told to stop.

    `http` and `https` are addresses that go before those of the site file, and switch on.

    Raises GatewayError when it cannot start: a wrong site file, a database that cannot be
    opened, an address in use, another api process at work.
    """
    site = _listening(read_running_site(data), http, https)
    runtime = RuntimeDirectory.create(data)
    clock = SystemClock()
    zone = SiteZone(site.site.zone)
    device_time = DeviceTime(zone, site.site.wire_time)
    with ExitStack() as stack:
        stack.enter_context(runtime.claim("api"))
        store = stack.enter_context(
            Store.open(data / STORE_FILE, REGISTRY, lambda: device_time.stamp(clock.utc()))
        )
        journal = JournalReader(data / JOURNAL_FILE)
        stack.callback(journal.close)
        projection = Projection(store, journal, site.site.access_log_capacity)
        controller = ControllerClient(runtime)
        stack.callback(controller.close)
        context = CommandContext(
            store=store,
            data=data,
            controller=controller,
            accounts=Accounts(store, clock.monotonic_ns),
            tokens=Tokens(store, clock.utc),
            sessions=MemorySessions(clock.monotonic_ns),
            catch_up=projection.catch_up,
            clock=clock,
            device_time=device_time,
            site=site,
            identity=read_identity(store.reader()),
            version=__version__,
            started_ns=clock.monotonic_ns(),
        )
        urls = " ".join(server.url for server in _serve(stack, context))
        notifier = Notifier()
        follower = _Follower(projection, store, zone, notifier)
        facts = FactListener(runtime, follower.heard)
        facts.start()
        stack.callback(facts.close)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        runtime.note("api", urls)
        log.info("api ready", url=urls)
        notifier.ready(urls)
        stop.wait()
        notifier.stopping()


def _listening(site: SiteFile, http: str | None, https: str | None) -> SiteFile:
    """`site` with the addresses of the command line in the place of its own."""
    plain = {"listen": http, "plain": True} if http else {}
    tls = {"tls": https} if https else {}
    return site.model_copy(update={"http": site.http.model_copy(update={**plain, **tls})})


def _serve(stack: ExitStack, context: CommandContext) -> list[Server]:
    """The servers that the site wants, plain HTTP first, serving until `stack` ends."""
    http, application = context.site.http, create_app(context)
    servers = []
    if http.plain_address:
        host, port = parse_address(http.plain_address)
        servers.append(stack.enter_context(Server(application, host, port)))
    if http.tls:
        certificate = certificate_file(context.data)
        if not certificate.exists():
            make_self_signed(certificate, context.clock.utc())
        host, port = parse_address(http.tls, "--https")
        servers.append(
            stack.enter_context(Server(application, host, port, certificate=certificate))
        )
    return servers


class _Follower:
    """What the api process does whenever it hears of the controller, or for a second does not."""

    def __init__(
        self, projection: Projection, store: Store, zone: SiteZone, notifier: Notifier
    ) -> None:
        self._projection = projection
        self._store = store
        self._zone = zone
        self._notifier = notifier
        self._failing = False

    def heard(self, fact: Fact | None) -> None:
        """Bring the log tables up to date, whatever the fact is: it is only a wake-up."""
        del fact
        self._notifier.alive()
        try:
            self._projection.catch_up()
            configuration = self._store.configuration({"ntp": ["timezone"]})
        except StorageError as error:
            if not self._failing:
                log.warning("the log tables cannot be brought up to date", why=str(error))
            self._failing = True
            return
        self._failing = False
        self._zone.override(configuration.get("ntp", {}).get("timezone", ""))
