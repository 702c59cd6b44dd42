"""What `gateway doctor` says of the servers that the api process last stored."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.cli.doctor.servers import server_findings
from gateway.host.certificate import make_self_signed
from gateway.objects.catalogue import REGISTRY
from gateway.settings import ServerSettings, parse_site
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState, DestinationTable
from tests.demo_site import DEMO

FINE = {"server": "https://s.example:443", "delivered": 7, "last_success_utc": 1_700_000_000}
SUCCESS = "2023-11-14 22:13 UTC"


def found(path: Path, **state: object) -> list[tuple[str, str]]:
    with Store.create(path / STORE_FILE, REGISTRY, lambda: 1) as store:
        table = DestinationTable(store)
        if state:
            table.keep(DestinationState(**{"name": "monitor", **state}))  # type: ignore[arg-type]
    return [(it.grade.value, it.text) for it in server_findings(path, None)]


def test_a_device_without_servers_has_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_server_that_answers_is_fine(tmp_path: Path) -> None:
    text = f"https://s.example:443 answered last at {SUCCESS}; 7 delivered"
    assert found(tmp_path, **FINE) == [("ok", text)]


@pytest.mark.parametrize(
    ("state", "grade", "words"),
    [
        (
            {"failing_since_utc": 1, "last_error": "door: answered 500", "backlog": 3},
            "fail",
            ("fails: door: answered 500", f"last success {SUCCESS}", "3 wait"),
        ),
        ({"server": "", "last_error": "names no host"}, "fail", ("no server", "names no host")),
        (
            {"refused": 2, "last_error": "door: answered 404"},
            "warn",
            ("2 refused", "answered 404"),
        ),
        ({"dropped": 5}, "warn", ("5 entries were dropped",)),
        ({"server": "http://s.example:80"}, "warn", ("without TLS", "card numbers")),
    ],
)
def test_what_is_wrong_is_told_with_its_figures(
    tmp_path: Path, state: dict[str, object], grade: str, words: tuple[str, ...]
) -> None:
    findings = found(tmp_path, **{**FINE, **state})
    (text,) = (text for its, text in findings if its == grade)
    assert all(word in text for word in words)


def test_authorities_that_cannot_be_read_fail_by_the_name_of_their_file(tmp_path: Path) -> None:
    Store.create(tmp_path / STORE_FILE, REGISTRY, lambda: 1).close()
    path = tmp_path / "authority.pem"
    site = parse_site(DEMO, "demo")
    site = site.model_copy(update={"servers": ServerSettings(ca_file=path)})
    (finding,) = server_findings(tmp_path, site)
    assert finding.grade.value == "fail"
    assert f"[servers] ca_file {path} cannot be used" in finding.text
    make_self_signed(path, datetime.now(UTC))
    assert list(server_findings(tmp_path, site)) == []


@pytest.mark.parametrize(
    ("name", "state", "grade", "words"),
    [
        ("push", {}, "ok", ("7 commands run",)),
        ("push", {"dropped": 2}, "warn", ("2 results of commands were dropped",)),
        ("push", {"server": "http://s.example:80"}, "warn", ("can command the doors",)),
        ("push", {"server": "", "last_error": "has no TLS"}, "fail", ("no server", "has no TLS")),
        ("minop", {"server": "http://s.example:80"}, "warn", ("who passes and when",)),
    ],
)
def test_a_push_server_and_a_listener_have_words_of_their_own(
    tmp_path: Path, name: str, state: dict[str, object], grade: str, words: tuple[str, ...]
) -> None:
    findings = found(tmp_path, **{**FINE, "name": name, **state})
    (text,) = (text for its, text in findings if its == grade)
    assert all(word in text for word in words)


@pytest.mark.parametrize(("name", "count"), [("online", 1), ("monitor", 0)])
def test_an_online_server_without_tls_gets_no_pin_and_that_is_told(
    tmp_path: Path, name: str, count: int
) -> None:
    texts = [
        text
        for _, text in found(tmp_path, **{**FINE, "name": name, "server": "http://s.example:80"})
    ]
    assert sum("gets no PIN and no password" in text for text in texts) == count
