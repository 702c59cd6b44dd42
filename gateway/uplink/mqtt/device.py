"""The device as the bridge sees it: commands run as anybody's, under a login of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from gateway.commands.context import CommandContext
from gateway.commands.rights import Caller
from gateway.commands.table import COMMANDS, execute
from gateway.errors import ControllerUnavailable, StorageError
from gateway.link.messages import ControllerStatus
from gateway.settings import MqttSettings
from gateway.store.files.database import storage_errors
from gateway.store.policy.topology import Topology
from gateway.store.tables.accounts import Role
from gateway.uplink.mqtt.events import EventTeller
from gateway.uplink.mqtt.guards import BrokerCommand
from gateway.uplink.mqtt.orders import request_of

LOGIN = "mqtt"
"""The login in logs and audit entries; nobody can log in with it by that."""


class ContextDevice:
    """Implements `BridgedDevice` on the commands of the api process."""

    def __init__(
        self, context: CommandContext, settings: MqttSettings, trusted: Callable[[], bool]
    ) -> None:
        self._context = context
        self._trusted = trusted
        self._caller = Caller(LOGIN, Role.OPERATOR, None, settings.shown)
        self._topology: tuple[int, Topology] | None = None
        """With the version of the rules that it is made of."""

    def status(self) -> ControllerStatus | None:
        try:
            return self._context.controller.status()
        except ControllerUnavailable:
            return None

    def utc_s(self) -> float | None:
        return self._context.clock.utc().timestamp() if self._trusted() else None

    def run(self, command: BrokerCommand) -> None:
        name, request = request_of(command, self._context.site)
        execute(COMMANDS[name], self._context, self._caller, lambda: request)

    def backlogs(self) -> Mapping[str, int]:
        try:
            return {state.name: state.backlog for state in self._context.destinations()}
        except StorageError:
            return {}

    def teller(self, settings: MqttSettings) -> EventTeller:
        """Tells of this device's entries as `settings` allow."""
        return EventTeller(
            [door.id for door in self._context.site.doors()],
            self.doors_of_portal,
            self.person,
            persons=settings.persons,
            cards=settings.cards,
        )

    def doors_of_portal(self, portal_id: int) -> Collection[int]:
        """The doors that a portal's actions open. Raises StorageError."""
        store = self._context.store
        snapshot = self._context.rules_cache.newest(store.reader(), store.models).snapshot
        if self._topology is None or self._topology[0] != snapshot.version:
            self._topology = (snapshot.version, Topology(self._context.site, snapshot))
        portal = snapshot.policy.portals.get(portal_id)
        return list(self._topology[1].doors_of(portal.actions)) if portal else []

    def person(self, user_id: int) -> str:
        """The name of a person, empty for none. Raises StorageError."""
        store = self._context.store
        models = store.models
        named = models["users"].select(models.column("users", "name"))
        with storage_errors():
            found = named.where(models.key("users") == user_id).scalar(store.reader())
        return str(found or "")
