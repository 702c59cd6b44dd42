"""`GET /metrics`: the state of the device and its parts, for Prometheus and compatible programs.

The text format of https://prometheus.io/docs/instrumenting/exposition_formats/. A client needs a
bearer token (`gateway token`): names and states of doors are not public.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from gateway.api.bearer import CHALLENGE, bearer
from gateway.api.openapi.document import METRICS_PATH
from gateway.api.statuses import status_of
from gateway.commands.context import CommandContext
from gateway.commands.online_server import OnlineServer
from gateway.errors import ControllerUnavailable, GatewayError, StorageError
from gateway.link.messages import (
    READ_TO_RELAY_MS,
    ControllerStatus,
    DecisionStatus,
    DeviceStatus,
    DoorStatus,
)
from gateway.store.tables.destinations import DestinationState

if TYPE_CHECKING:
    from prometheus_client.core import Metric

HEALTHS = ("online", "degraded", "offline")


def metrics_blueprint(context: CommandContext) -> Blueprint:
    """The route; the first request loads the library."""
    blueprint = Blueprint("metrics", __name__)

    def metrics() -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        bearer(context)
        try:
            status = context.controller.status()
        except ControllerUnavailable:
            status = None
        registry = CollectorRegistry(auto_describe=False)
        try:
            servers = context.destinations()
        except StorageError:
            servers = ()
        registry.register(_StatusCollector(context.version, status, servers, context.online()))
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    blueprint.add_url_rule(METRICS_PATH, view_func=metrics, methods=["GET"])
    blueprint.register_error_handler(GatewayError, _refused)
    return blueprint


class _StatusCollector:
    """The metrics of one status."""

    def __init__(
        self,
        version: str,
        status: ControllerStatus | None,
        servers: Sequence[DestinationState],
        online: OnlineServer | None,
    ) -> None:
        self._version = version
        self._online = online
        self._servers = servers
        self._status = status

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import InfoMetricFamily

        yield _gauge("gateway_controller_up", "Whether the controller answers", bool(self._status))
        about = {"version": self._version, "board": self._status.board if self._status else ""}
        yield InfoMetricFamily("gateway", "This device", value=about)
        if self._status is not None:
            yield from _controller(self._status)
            yield from _decisions(self._status.decisions)
            yield from _doors(self._status.doors)
            yield from _devices(self._status.devices)
        yield from _outbox(self._servers)
        yield from _online(self._online)


def _controller(status: ControllerStatus) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    yield _gauge("gateway_clock_trusted", "Whether the clock is trusted", status.clock_trusted)
    yield _gauge("gateway_policy_version", "The version of the rules", status.policy_version)
    yield CounterMetricFamily(
        "gateway_journal_entries", "Entries of the journal", value=status.journal_seq
    )
    yield _gauge("gateway_journal_waiting", "Entries not on the disk yet", status.journal_waiting)
    yield CounterMetricFamily(
        "gateway_journal_dropped",
        "Entries lost while the disk failed",
        value=status.journal_dropped,
    )
    yield CounterMetricFamily(
        "gateway_journal_unreadable",
        "Damaged rows of the journal that the controller skipped",
        value=status.journal_unreadable,
    )
    yield CounterMetricFamily(
        "gateway_journal_dropped_unread",
        "Old entries that left the journal before the API had shown them",
        value=status.journal_dropped_unread,
    )
    yield _gauge(
        "gateway_journal_replaced",
        "Whether the journal was made anew at this start",
        bool(status.journal_replaced),
    )
    yield _gauge(
        "gateway_journal_failing", "Whether the disk takes no entry", bool(status.journal_fault)
    )
    mirror = status.mirror
    yield _gauge(
        "gateway_mirror_failing",
        "Whether the controller's copy of people and rules may be out of date",
        bool(mirror and mirror.fault),
    )
    yield _gauge(
        "gateway_rows_unreadable",
        "Rows of people and rules that the controller cannot read",
        mirror.rows_bad if mirror else 0,
    )
    online = status.online
    if online is not None:
        yield _gauge(
            "gateway_server_reachable",
            "Whether the server of the online mode is asked",
            online.reachable,
        )
        yield _gauge(
            "gateway_server_contingency",
            "Whether this device decides, since that server cannot be asked",
            online.contingency,
        )
        yield _gauge(
            "gateway_server_questions_waiting",
            "Identifications that wait for that server",
            online.waiting,
        )
    power = [fault for fault in status.faults if fault.part == "power"]
    yield _gauge("gateway_power_faults", "Faults of the power supply", len(power))
    faults = GaugeMetricFamily("gateway_fault", "A part that is faulty", labels=["part", "name"])
    for fault in status.faults:
        faults.add_metric([fault.part, fault.name], 1)
    yield faults
    yield _gauge("gateway_siren", "Whether the siren sounds", status.siren)
    alarms = GaugeMetricFamily("gateway_alarm", "An alarm that is on", labels=["cause", "door"])
    for cause, door in sorted({(alarm.cause, alarm.door_id) for alarm in status.alarms}):
        alarms.add_metric([str(cause), str(door)], 1)
    yield alarms


def _outbox(servers: Sequence[DestinationState]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    for name, what, of in (
        ("backlog", "What waits for the server", "backlog"),
        ("failing_since_timestamp_seconds", "Since when it fails, or 0", "failing_since_utc"),
        ("last_success_timestamp_seconds", "When it last answered, or 0", "last_success_utc"),
    ):
        gauge = GaugeMetricFamily(f"gateway_outbox_{name}", what, labels=["destination"])
        for server in servers:
            gauge.add_metric([server.name], getattr(server, of))
        yield gauge
    for name, what in (
        ("delivered", "Messages that the server took"),
        ("refused", "Messages that it did not take"),
        ("dropped", "What was given up unsent"),
    ):
        counter = CounterMetricFamily(f"gateway_outbox_{name}", what, labels=["destination"])
        for server in servers:
            counter.add_metric([server.name], getattr(server, name))
        yield counter


def _online(server: OnlineServer | None) -> Iterator[Metric]:
    """The server of the online modes; nothing in standalone mode."""
    if server is None:
        return
    yield _gauge("gateway_server_failures", "Failures of that server in sequence", server.failures)
    yield _gauge(
        "gateway_server_last_success_timestamp_seconds",
        "When that server answered last, or 0",
        server.last_success_utc,
    )


def _decisions(decisions: DecisionStatus) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    verdicts = CounterMetricFamily(
        "gateway_decisions", "Decisions on credentials, by their reason", labels=["reason"]
    )
    for reason, count in decisions.verdicts.items():
        verdicts.add_metric([reason], count)
    yield verdicts
    bounds = [*(str(bound / 1000) for bound in READ_TO_RELAY_MS), "+Inf"]
    yield HistogramMetricFamily(
        "gateway_read_to_relay_seconds",
        "From a read to the lock that it opened at once",
        buckets=list(zip(bounds, accumulate(decisions.opened), strict=True)),
        sum_value=decisions.opened_sum_s,
    )


def _doors(doors: tuple[DoorStatus, ...]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    for name, what, of in (
        ("gateway_door_open", "Whether the door stands open", lambda door: door.open),
        ("gateway_door_unlocked", "Whether its lock is released", lambda door: door.unlocked),
        ("gateway_door_alarms", "Alarms of the door", lambda door: len(door.alarms)),
    ):
        family = GaugeMetricFamily(name, what, labels=["door", "name"])
        for door in doors:
            family.add_metric([str(door.id), door.name], float(of(door)))
        yield family


def _devices(devices: tuple[DeviceStatus, ...]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, StateSetMetricFamily

    health = StateSetMetricFamily("gateway_device", "How a device is", labels=["device", "kind"])
    since = GaugeMetricFamily(
        "gateway_device_since_seconds", "For how long it has been so", labels=["device", "kind"]
    )
    counted = GaugeMetricFamily(
        "gateway_device_counted",
        "What is counted there since the controller started",
        labels=["device", "kind", "what"],
    )
    for device in devices:
        for what, count in device.counters.items():
            counted.add_metric([device.name, device.kind, what], count)
        states = {known: device.health == known for known in HEALTHS}
        health.add_metric([device.name, device.kind], states)
        since.add_metric([device.name, device.kind], device.since_s)
    yield health
    yield since
    yield counted


def _gauge(name: str, what: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, what, value=float(value))


def _refused(error: GatewayError) -> Response:
    status = status_of(error)
    response = Response(f"{error}\n", status=status, content_type="text/plain; charset=utf-8")
    if status == 401:
        response.headers.update(CHALLENGE)
    return response
