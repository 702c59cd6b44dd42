"""Asks a server for commands, runs them and sends back what came of each.

One thread, one command at a time. A command is run once: its result waits in memory until the
server has it, and the server is asked for nothing meanwhile, since it would send the command again.
A crash loses the result, not what the command did.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from gateway.clock import Clock
from gateway.commands.rights import PUSH
from gateway.commands.server_requests import RunServerRequest, ServerReply
from gateway.errors import InvalidRequest, StorageError
from gateway.settings import ServerSettings
from gateway.store.objects.store import Store
from gateway.store.query.deadline import ABANDONED
from gateway.store.tables.destinations import DestinationState
from gateway.uplink.delivery import pause_s
from gateway.uplink.http_client import HttpAnswer, HttpClient, json_content
from gateway.uplink.push_protocol import (
    PUSH_KEYS,
    PushedBatch,
    PushedCommand,
    PushSettings,
    batch_result,
    push_settings,
    push_target,
    read_order,
    single_result,
)
from gateway.uplink.threads import DestinationThread

LARGEST = 2 * 1024 * 1024
"""Bytes of an answer of the server, and of the answer to a command."""
LEAST = 4096
"""Bytes that each answer of a batch may have, however long those before it are."""
COMMAND_S = 0.1
"""Shortest time between the starts of two commands."""
RESULT_S = 600.0
"""How long a result may wait for the server."""

log = structlog.get_logger("push")


@dataclass(slots=True)
class _Result:
    """A result that the server does not have yet."""

    endpoint: str
    content: bytes = field(repr=False)
    since_s: float
    afterwards: list[Callable[[], None]]
    """What the commands left to be done once their answers have been sent."""
    well_formed: bool
    """The server is asked at once for the next command."""


class PushPoller(DestinationThread):
    """Polls the server in the module `push_server` until closed. Any thread may use it."""

    def __init__(self, store: Store, clock: Clock, device_id: int, servers: ServerSettings) -> None:
        """Raises StorageError."""
        super().__init__(PUSH, store, clock)
        self._device_id = device_id
        self._servers = servers
        self._client = HttpClient(servers.ca_file)
        self._run_request: RunServerRequest | None = None
        self._values: Mapping[str, str] = {}
        self._settings: PushSettings | None = None
        self._asking: PushSettings | None = None
        """The settings of the request that runs."""
        self._order: PushedCommand | PushedBatch | None = None
        self._result: _Result | None = None
        self._uuid = ""
        self._failures = 0
        self._not_before_s = 0.0
        self._next_command_s = 0.0

    def take_commands(self, run: RunServerRequest) -> None:
        """Let `run` carry out commands. Called once, before the start."""
        self._run_request = run

    @property
    def state(self) -> DestinationState | None:
        """How it fares now; None while it is off.

        `delivered` and `refused` count commands, `dropped` results, and `last_success_utc` is the
        last answer of the server.
        """
        return super().state

    def wake(self) -> None:
        """There may be other settings: a request under former ones ends."""
        super().wake()
        asking = self._asking
        if asking is not None and self._replaced(asking):
            self._client.interrupt()

    # the thread

    def _interrupt(self) -> None:
        self._client.abort()

    def _release(self) -> None:
        self._client.close()

    def _run(self) -> None:
        ABANDONED.set(self._stop.is_set)
        super()._run()

    def _step(self) -> float | None:
        """One request or one command; the pause before the next one, 0 for none."""
        try:
            settings = self._configured()
        except InvalidRequest as error:
            self._begin("")
            self._record.failed(str(error))
            return None
        if settings is None:
            self._switch_off()
            return None
        self._begin(settings.address.shown)
        left_s = self._not_before_s - self._now_s()
        if left_s > 0:
            return left_s
        if self._result is not None:
            self._deliver(settings, self._result)
        elif self._order is not None:
            self._carry_out(settings, self._order)
        else:
            self._poll(settings)
        return 0

    def _configured(self) -> PushSettings | None:
        """Raises StorageError, and InvalidRequest for settings that cannot be used."""
        values = self._stored_values()
        if values != self._values:
            self._values = {}
            before, self._settings = self._settings, None
            self._settings = push_settings(values, plain=self._servers.plain_push)
            self._values = values
            self._not_before_s = 0.0
            if before is None or self._settings is None or before.address != self._settings.address:
                self._client.close()
                self._drop()
        return self._settings

    def _stored_values(self) -> Mapping[str, str]:
        return self._store.configuration(PUSH_KEYS)["push_server"]

    def _replaced(self, settings: PushSettings) -> bool:
        """Whether clients have set another server than that of `settings`, or none."""
        try:
            now = push_settings(self._stored_values(), plain=self._servers.plain_push)
        except InvalidRequest:
            return True
        except StorageError:
            return False
        return now is None or now.address != settings.address

    def _begin(self, server: str) -> None:
        state = self._record.state
        if state is None:
            self._record.state = DestinationState(self._name, server=server)
        elif state.server != server:
            self._record.state = replace(state, server=server)

    def _switch_off(self) -> None:
        if self._record.state is not None:
            self._drop()
            self._record.forget()

    def _drop(self) -> None:
        """Forget what belongs to another server: it is told nothing of this one's commands."""
        result, self._order, self._result = self._result, None, None
        self._failures = 0
        if result is not None:
            self._finish(result)
            if self._record.state is not None:
                self._record.count(dropped=1)

    # the server

    def _ask(
        self, settings: PushSettings, method: str, target: str, content: bytes = b""
    ) -> HttpAnswer:
        self._asking = settings
        try:
            return self._client.request(
                settings.address,
                target,
                settings.timeout_s,
                method=method,
                content=content,
                kind="application/json" if content else "",
                largest=LARGEST,
            )
        finally:
            self._asking = None

    def _poll(self, settings: PushSettings) -> None:
        self._uuid = str(uuid.uuid4())
        target = push_target(settings.address, "push", deviceId=self._device_id, uuid=self._uuid)
        answer = self._ask(settings, "GET", target)
        if self._stop.is_set() or self._replaced(settings):
            return  # whatever it asks for, it is no longer the server that commands
        if not 200 <= answer.status < 300 or answer.body is None:
            self._failed("push", answer)
            return
        try:
            self._order = read_order(answer.body)
        except InvalidRequest as error:
            self._failed("push", HttpAnswer(answer.status, str(error)))
            return
        self._succeeded()
        if self._order is None:
            self._not_before_s = self._now_s() + settings.period_s

    def _deliver(self, settings: PushSettings, result: _Result) -> None:
        target = push_target(
            settings.address,
            "result",
            deviceId=self._device_id,
            uuid=self._uuid,
            endpoint=result.endpoint,
        )
        answer = self._ask(settings, "POST", target, result.content)
        self._finish(result)
        if self._stop.is_set():
            return
        if not 200 <= answer.status < 300:
            self._failed("result", answer)
            if self._now_s() - result.since_s >= RESULT_S:
                log.warning("a result is given up", endpoint=result.endpoint)
                self._record.count(dropped=1)
                self._result = None
            return
        self._result = None
        self._succeeded()
        if self._replaced(settings):
            return
        with suppress(InvalidRequest):  # the server may answer anything to a result
            self._order = read_order(answer.body or b"")
        if self._order is None and not result.well_formed:
            self._not_before_s = self._now_s() + settings.period_s

    @staticmethod
    def _finish(result: _Result) -> None:
        afterwards, result.afterwards = result.afterwards, []
        for act in afterwards:
            act()

    def _succeeded(self) -> None:
        self._failures = 0
        self._record.succeeded()

    def _failed(self, what: str, answer: HttpAnswer) -> None:
        status = f"answered {answer.status}" if answer.status else ""
        why = ": ".join(part for part in (what, status, answer.why) if part)
        self._record.failed(why)
        self._failures += 1
        jitter = random.random()  # noqa: S311 - spreads load, keeps no secret
        self._not_before_s = self._now_s() + pause_s(self._failures, jitter)

    # the commands

    def _carry_out(self, settings: PushSettings, order: PushedCommand | PushedBatch) -> None:
        self._order = None
        as_object = self._servers.push_response == "object"
        replies: list[ServerReply] = []
        if isinstance(order, PushedCommand):
            commands, well_formed = [order], order.request is not None
        else:
            commands, well_formed = [it.command for it in order.transactions], True
        left = LARGEST
        for command in commands:
            self._stop.wait(max(0.0, self._next_command_s - self._now_s()))
            if self._stop.is_set() or self._replaced(settings):
                return
            self._next_command_s = self._now_s() + COMMAND_S
            replies.append(self._reply(settings, command, max(left, LEAST)))
            left -= len(replies[-1].content)
        if isinstance(order, PushedCommand):
            body = single_result(self._device_id, replies[0], as_object=as_object)
        else:
            names = [it.id for it in order.transactions]
            pairs = list(zip(names, replies, strict=True))
            body = batch_result(self._device_id, pairs, as_object=as_object)
        self._result = _Result(
            order.endpoint,
            json_content(body),
            self._now_s(),
            [reply.afterwards for reply in replies],
            well_formed,
        )

    def _reply(self, settings: PushSettings, command: PushedCommand, left: int) -> ServerReply:
        if command.request is None:
            reply = ServerReply(error=command.why)
        elif self._run_request is None:
            raise RuntimeError("nothing carries out commands")
        else:
            reply = self._run_request(settings.address.shown, command.request, left)
        state = self._record.required()
        if reply.error is None:
            self._record.state = replace(state, delivered=state.delivered + 1)
        else:
            # Not the text of a refusal, which may quote a PIN: this is stored and shown.
            why = command.why or "its result has the reason"
            self._record.state = replace(
                state,
                refused=state.refused + 1,
                last_error=f"{command.endpoint or 'a command'} was refused: {why}",
                last_error_utc=self._record.utc_s(),
            )
        return reply

    def _backlog(self, _state: DestinationState) -> int:
        return (self._order is not None) + (self._result is not None)
