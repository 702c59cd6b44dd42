"""`/metrics` over a real socket, read by the library that scrapers use."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from gateway.link.messages import READ_TO_RELAY_MS, DecisionStatus, OnlineStatus


def figures(device: SimpleNamespace) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    token = device.context.tokens.create("scraper")
    try:
        reply = requests.get(
            f"{device.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
    finally:
        device.context.tokens.revoke("scraper")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(reply.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_scraper_without_a_token_learns_nothing(device: SimpleNamespace) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        reply = requests.get(f"{device.url}/metrics", headers=headers, timeout=30)
        assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "gateway_" not in reply.text


@pytest.mark.parametrize("kind", ["door", "name"])
def test_every_door_has_its_figures(device: SimpleNamespace, kind: str) -> None:
    status = device.context.controller.status()
    told = {dict(labels)[kind] for name, labels in figures(device) if name == "gateway_door_open"}
    assert told == {str(getattr(door, {"door": "id"}.get(kind, kind))) for door in status.doors}
    assert told


def test_every_device_is_in_one_state_with_the_time_since(device: SimpleNamespace) -> None:
    told = figures(device)
    devices = device.context.controller.status().devices
    assert {known.health for known in devices} == {"online", "degraded", "offline"}
    for known in devices:
        labels = (("device", known.name), ("kind", known.kind))
        states = {
            dict(found)["gateway_device"]: value
            for (name, found), value in told.items()
            if name == "gateway_device" and set(labels) <= set(found)
        }
        assert states == {
            health: float(health == known.health) for health in ("online", "degraded", "offline")
        }
        assert told["gateway_device_since_seconds", labels] >= known.since_s
        for what, count in known.counters.items():
            assert told["gateway_device_counted", (*labels, ("what", what))] == count


def test_every_faulty_part_is_named(device: SimpleNamespace) -> None:
    faults = device.context.controller.status().faults
    told = {labels for name, labels in figures(device) if name == "gateway_fault"}
    assert told == {(("name", fault.name), ("part", fault.part)) for fault in faults}
    assert {part for _, (_, part) in told} == {"rex", "power"}
    assert figures(device)["gateway_power_faults", ()] == 1


def test_the_controller_is_told_to_be_up_with_its_journal(device: SimpleNamespace) -> None:
    told, status = figures(device), device.context.controller.status()
    assert told["gateway_controller_up", ()] == 1
    assert told["gateway_journal_entries_total", ()] == status.journal_seq
    assert told["gateway_journal_dropped_total", ()] == status.journal_dropped
    assert told["gateway_clock_trusted", ()] == float(status.clock_trusted)


def test_a_server_that_decides_has_its_figures_in_the_online_modes_alone(
    device: SimpleNamespace,
) -> None:
    straw = device.straw
    assert not any(name.startswith("gateway_server") for name, _ in figures(device))
    away = OnlineStatus(mode="pro", reachable=False, contingency=True, waiting=2)
    straw.status = straw.status.model_copy(update={"online": away})
    told = figures(device)
    straw.reset()
    assert told["gateway_server_reachable", ()] == 0
    assert told["gateway_server_contingency", ()] == 1
    assert told["gateway_server_questions_waiting", ()] == 2


def test_an_absent_controller_is_a_figure_and_no_failure(lonely: SimpleNamespace) -> None:
    told = figures(lonely)
    assert told["gateway_controller_up", ()] == 0
    assert not any(name.startswith("gateway_door") for name, _ in told)


def test_decisions_are_a_counter_by_reason_and_a_histogram_of_waits(
    device: SimpleNamespace,
) -> None:
    classes = len(READ_TO_RELAY_MS) + 1
    decisions = DecisionStatus(
        verdicts={"granted": 3, "no_rule": 2}, opened=(2, 1, *[0] * (classes - 2)), opened_sum_s=0.5
    )
    device.straw.status = device.straw.status.model_copy(update={"decisions": decisions})
    told = figures(device)
    assert told["gateway_decisions_total", (("reason", "granted"),)] == 3
    assert told["gateway_decisions_total", (("reason", "no_rule"),)] == 2
    buckets = {
        float(dict(labels)["le"]): value
        for (name, labels), value in told.items()
        if name == "gateway_read_to_relay_seconds_bucket"
    }
    assert len(buckets) == classes
    assert (buckets[0.001], buckets[0.002], buckets[float("inf")]) == (2, 3, 3)
    assert told["gateway_read_to_relay_seconds_sum", ()] == 0.5
