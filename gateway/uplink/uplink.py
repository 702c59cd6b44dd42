"""All that goes out, as the api process starts and stops it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from gateway.clock import Clock, DeviceTime, boot_id
from gateway.commands.context import CommandContext
from gateway.commands.enrolment_runner import Enrolled
from gateway.commands.online_server import OnlineServer
from gateway.commands.server_requests import RunServerRequest
from gateway.errors import StorageError
from gateway.link.client import ControllerClient
from gateway.link.messages import Fact
from gateway.settings import SiteFile
from gateway.store.journal import JournalReader
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState, DestinationTable
from gateway.store.tables.retained import RetainedTopics
from gateway.uplink.destination_probe import DestinationProbe
from gateway.uplink.minop_listener import MinopChannel
from gateway.uplink.monitor_channel import MonitorChannel
from gateway.uplink.mqtt.bridge import MqttBridge
from gateway.uplink.mqtt.channel import MqttChannel
from gateway.uplink.mqtt.device import ContextDevice
from gateway.uplink.mqtt.discovery import BridgeIdentity
from gateway.uplink.online.channel import OnlineChannel
from gateway.uplink.online.client import OnlineClient
from gateway.uplink.online.questions import QuestionWorkers
from gateway.uplink.outbox import Outbox
from gateway.uplink.peer_actions import PeerActions
from gateway.uplink.peer_interlock import PeerInterlock
from gateway.uplink.push import PushPoller

_Part = OnlineClient | Outbox | PushPoller | PeerActions | MqttBridge


class Uplink:
    """Every destination of the device. Any thread may call it."""

    def __init__(
        self,
        store: Store,
        journal: JournalReader,
        clock: Clock,
        device_time: DeviceTime,
        device_id: int,
        site: SiteFile,
        controller: ControllerClient,
        trusted: Callable[[], bool],
    ) -> None:
        """`trusted` tells whether the clock is trusted. Raises StorageError."""
        servers = site.servers
        self._online = OnlineClient(store, clock, device_id, servers, controller, self.wake)
        self._questions = QuestionWorkers(
            self._online, store, clock, device_time, device_id, site, controller
        )
        self._monitor = MonitorChannel(store, journal, clock, device_time, device_id, servers)
        minop = MinopChannel(store, device_time, device_id, servers)
        self._online_channel = OnlineChannel(self._online, device_id, servers)
        self._make_outbox = partial(
            Outbox, store=store, journal=journal, clock=clock, settings=servers, trusted=trusted
        )
        self._trusted = trusted
        self._outboxes: tuple[Outbox, ...] = tuple(
            map(self._make_outbox, (self._monitor, self._online_channel, minop))
        )
        self._push = PushPoller(store, clock, device_id, servers)
        self.probe = DestinationProbe(
            store, clock, device_id, servers, site.mqtt, self._online.destination
        )
        """Tests the servers."""
        self._peers = PeerActions(store, journal, clock, device_id, servers, boot_id())
        self.interlock = PeerInterlock(store, controller, device_id, servers)
        """The devices of the network interlock."""
        self._single: tuple[Outbox | PushPoller, ...] = (*self._outboxes, self._push)
        # The client before its outbox, which follows its settings.
        self._all: tuple[_Part, ...] = (self._online, *self._single, self._peers)

    def take_commands(self, run: RunServerRequest) -> None:
        """Let `run` carry out the commands of servers. Called once, before the start."""
        self._push.take_commands(run)

    def attach(self, context: CommandContext) -> None:
        """Take the context in which commands from a broker run. Called once, before the start.

        Raises StorageError.
        """
        settings = context.site.mqtt
        if settings is None:
            with suppress(StorageError):  # on a read-only disk it stays until the next start
                DestinationTable(context.store).forget(MqttChannel.name)
            return
        device = ContextDevice(context, settings, self._trusted)
        identity = context.identity
        bridge = MqttBridge(
            settings,
            context.site,
            BridgeIdentity(identity.device_id, identity.serial, context.version),
            device,
            RetainedTopics(context.store),
            context.clock,
        )
        channel = MqttChannel(settings, bridge.topics, device.teller(settings), bridge.deliver)
        outbox = self._make_outbox(channel)
        bridge.on_connected = outbox.retry
        self._outboxes += (outbox,)
        self._single += (outbox,)
        # Closed last: it says goodbye once nothing is sent any more.
        self._all = (bridge, *self._all, outbox)

    def start(self) -> None:
        for each in self._all:
            each.start()

    @property
    def alive(self) -> bool:
        """Whether every thread runs."""
        return all(each.alive for each in self._all)

    def close(self) -> None:
        """End running requests and wait for the threads."""
        for each in reversed(self._all):
            each.close()
        self._questions.close()
        self.interlock.close()

    def wake(self) -> None:
        """There may be something new in the journal or the database."""
        for each in self._all:
            each.wake()

    def heard(self, fact: Fact | None) -> None:
        """Take questions of the controller, and what it believes of the server."""
        if fact is not None and fact.status is not None:
            self._online.heard(fact.status)
        if fact is not None and fact.question is not None:
            self._questions.take(fact.question)
        if fact is not None and fact.clearance is not None:
            self.interlock.question(fact.clearance)

    def online(self) -> OnlineServer | None:
        """How the server of the online modes fares; None in standalone mode."""
        state = self._online.state
        return None if state is None else replace(state, waiting=self._questions.waiting)

    def states(self) -> list[DestinationState]:
        """How each destination that is on fares. Raises StorageError."""
        found = (each.state for each in self._single)
        return [*(state for state in found if state is not None), *self._peers.states()]

    def journal_done(self) -> int | None:
        """The number of the last entry that no destination needs any more; None if all are off."""
        return min(
            (seq for it in self._outboxes if (seq := it.journal_seq) is not None), default=None
        )

    def enrolled(self, result: Enrolled) -> None:
        """Tell the result of an enrolment that nobody waited for: the monitor, if it was not saved,
        and the server of the online modes."""
        if result.value is None:
            return
        what = result.kind, result.value, result.user_id
        message = None if result.saved else self._monitor.enrolled(*what)
        if message is not None:
            self._outboxes[0].send_soon(message)
        message = self._online_channel.enrolled(*what)
        if message is not None:
            self._outboxes[1].send_soon(message)
