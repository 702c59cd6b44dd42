"""`/health` and `/health/live` over a real socket, without a login."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import requests

from gateway.api.health import KEPT_NS, Readiness
from gateway.clock import ManualClock
from gateway.errors import StorageError


def health(device: SimpleNamespace) -> tuple[int, dict[str, object]]:
    """Status and body, found anew."""
    device.context.clock.advance(seconds=KEPT_NS / 1e9)
    reply = requests.get(f"{device.url}/health", timeout=30)
    return reply.status_code, dict(reply.json())


def test_a_working_device_is_ready(throwaway: SimpleNamespace) -> None:
    assert health(throwaway) == (200, {"ready": True, "controller": "ok", "database": "ok"})


def test_without_its_controller_a_device_lives_and_is_not_ready(lonely: SimpleNamespace) -> None:
    away = {"ready": False, "controller": "does not answer", "database": "ok"}
    assert health(lonely) == (503, away)
    live = requests.get(f"{lonely.url}/health/live", timeout=30)
    assert (live.status_code, live.json()) == (200, {"live": True})


def test_without_its_database_a_device_is_not_ready(
    throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise StorageError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(throwaway.context.store, "configuration", fail)
        unread = {"ready": False, "controller": "ok", "database": "cannot be read"}
        assert health(throwaway) == (503, unread)
    assert health(throwaway)[0] == 200


def test_probes_within_a_second_check_once() -> None:
    clock, checks = ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), list[int]()

    def check() -> dict[str, str]:
        checks.append(1)
        return {"controller": "ok"}

    readiness = Readiness(check, clock.monotonic_ns)
    for _ in range(3):
        readiness.outcome()
    assert len(checks) == 1
    clock.advance(seconds=KEPT_NS / 1e9)
    readiness.outcome()
    assert len(checks) == 2
