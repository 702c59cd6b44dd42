"""What `gateway doctor` says of the broker in the site file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.cli.doctor.servers import server_findings
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from tests.mqtt.device import site_with


def found(path: Path, broker: str, **settings: Any) -> list[tuple[str, str]]:
    Store.create(path / STORE_FILE, REGISTRY, lambda: 1).close()
    return [
        (it.grade.value, it.text) for it in server_findings(path, site_with(broker, **settings))
    ]


@pytest.mark.parametrize("broker", ["mqtts://b", "mqtt://127.0.0.1", "mqtt://[::1]"])
def test_a_broker_with_tls_or_on_this_machine_is_fine(tmp_path: Path, broker: str) -> None:
    assert found(tmp_path, broker, commands=True) == []


def test_a_broker_without_tls_is_a_warning_and_more_of_one_with_commands(tmp_path: Path) -> None:
    ((grade, text),) = found(tmp_path, "mqtt://192.0.2.1")
    assert (grade, "events cross the network in clear text" in text) == ("warn", True)
    (tmp_path / STORE_FILE).unlink()
    ((_, text),) = found(tmp_path, "mqtt://192.0.2.1", commands=True)
    assert "can command the doors" in text


def test_commands_without_a_time_are_a_warning(tmp_path: Path) -> None:
    ((grade, text),) = found(tmp_path, "mqtts://b", commands=True, require_at=False)
    assert (grade, "opens a door late" in text) == ("warn", True)


def test_a_password_that_others_can_read_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2")
    path.chmod(0o644)
    ((grade, text),) = found(tmp_path, "mqtts://b", user="door", password_file=path)
    assert (grade, "chmod 600" in text, "hunter2" in text) == ("fail", True, False)
    path.chmod(0o600)
    (tmp_path / STORE_FILE).unlink()
    assert found(tmp_path, "mqtts://b", user="door", password_file=path) == []
