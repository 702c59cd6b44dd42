"""What `gateway doctor` says of the ways in over the network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Finding, Grade
from gateway.commands.certificate import certificate_file
from gateway.host.certificate import expires
from gateway.settings import SITE_FILE
from tests.demo_site import DEMO

Examine = Callable[[str], list[Finding]]


@pytest.fixture
def examine(data: Path) -> Examine:
    """The findings about HTTP and its certificate with the lines given under `[http]`."""
    listen = 'listen = "127.0.0.1:8080"\n'
    assert listen in DEMO

    def look(lines: str) -> list[Finding]:
        (data / SITE_FILE).write_text(DEMO.replace(listen, lines), encoding="utf-8")
        found = list(doctor.examine(data))
        assert not [it for it in found if it.subject == "site file" and it.grade is not Grade.OK]
        return [it for it in found if it.subject in {"http", "certificate"}]

    return look


@pytest.mark.parametrize(
    "address", ["127.0.0.1:80", "127.8.0.1:8080", "[::1]:80", "localhost:8080"]
)
def test_plain_http_for_this_machine_alone_is_not_mentioned(examine: Examine, address: str) -> None:
    assert examine(f'listen = "{address}"\n') == []


@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80", "192.168.0.129:80", "door.local:80"])
def test_plain_http_for_the_network_is_warned_of(examine: Examine, address: str) -> None:
    [found] = examine(f'listen = "{address}"\n')
    assert (found.grade, found.subject) == (Grade.WARN, "http")
    assert address in found.text
    assert "set tls to an address" in found.text
    plain, _ = examine(f'listen = "{address}"\ntls = "0.0.0.0:443"\n')
    assert (plain.grade, plain.subject) == (Grade.WARN, "http")
    assert "plain = false" in plain.text
    [only] = examine(f'listen = "{address}"\ntls = "0.0.0.0:443"\nplain = false\n')
    assert (only.grade, only.subject) == (Grade.OK, "certificate")


@pytest.mark.parametrize(
    ("left", "grade", "word"),
    [
        (timedelta(days=30, seconds=1), Grade.OK, "valid until"),
        (timedelta(days=30), Grade.WARN, "expires on"),
        (timedelta(seconds=1), Grade.WARN, "expires on"),
        (timedelta(0), Grade.WARN, "expired on"),
        (timedelta(days=-400), Grade.WARN, "expired on"),
    ],
)
def test_a_certificate_is_warned_of_thirty_days_before_its_end(
    data: Path,
    examine: Examine,
    monkeypatch: pytest.MonkeyPatch,
    left: timedelta,
    grade: Grade,
    word: str,
) -> None:
    end = expires(certificate_file(data))
    clock = SimpleNamespace(utc=lambda: end - left)
    monkeypatch.setattr(doctor, "SystemClock", lambda: clock)
    [found] = examine('listen = "127.0.0.1:80"\ntls = "0.0.0.0:443"\n')
    assert (found.grade, found.subject) == (grade, "certificate")
    assert found.text.startswith(f"{word} {end:%Y-%m-%d}")


def test_a_certificate_that_cannot_be_read_fails(data: Path, examine: Examine) -> None:
    path = certificate_file(data)
    whole = path.read_bytes()
    try:
        path.write_text("nothing")
        [found] = examine('listen = "127.0.0.1:80"\ntls = "0.0.0.0:443"\n')
        assert (found.grade, found.subject) == (Grade.FAIL, "certificate")
        path.unlink()
        assert examine('listen = "127.0.0.1:80"\ntls = "0.0.0.0:443"\n') == []
    finally:
        path.write_bytes(whole)


def test_a_rule_that_lets_a_group_in_at_any_time_is_warned_of(data: Path) -> None:
    found = [it for it in doctor.examine(data) if it.subject.startswith("rule")]
    assert [it.grade for it in found] == [Grade.WARN] * len(found)
    assert "rule 1" in {it.subject for it in found}
