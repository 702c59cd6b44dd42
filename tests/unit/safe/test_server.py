"""The safe page at its sockets."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import gateway
from gateway.errors import NotSupportedHere
from gateway.host.certificate import make_self_signed
from gateway.host.update_bundle import LARGEST_UPDATE
from gateway.host.update_request import UpdateRequest
from gateway.safe import connections
from gateway.safe.server import SafePage
from gateway.safe.site import SafeDoor, SafeSite
from gateway.safe.story import Story
from gateway.safe.words import LANGUAGES, read_words
from tests.waiting import eventually

SITE = SafeSite("De<pot", "127.0.0.1:0", "127.0.0.1:0", (SafeDoor("front", unlocked=True),))
STORY = Story(
    at="2026-11-28T10:00:00+00:00",
    installed="2.0.0~deb13",
    former="1.0.0~deb13",
    went_back_from="3.0.0",
    last_words=("RuntimeError: secret <of> the log",),
)


class Device:
    """A safe page, and what it asks root's helper for."""

    def __init__(self, directory: Path, site: SafeSite = SITE) -> None:
        self.uploaded = directory / "api/update"
        self.asked: list[UpdateRequest] = []
        self.received: list[bytes] = []
        self.refusal: Exception | None = None
        self.code_file = directory / "code"
        self.story = directory / "story.json"
        self.tell(STORY)
        self.page = SafePage(site, directory, self.story, self._ask)
        self._serving = threading.Thread(target=self.page.serve, args=(self.code_file,))
        self._serving.start()

    def tell(self, story: Story) -> None:
        self.story.write_text(json.dumps(asdict(story)))

    def _ask(self, request: UpdateRequest) -> None:
        self.asked.append(request)
        if self.uploaded.exists():
            self.received.append(self.uploaded.read_bytes())
        if self.refusal is not None:
            raise self.refusal

    def close(self) -> None:
        self.page.close()
        self._serving.join()

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        plain: bool = False,
    ) -> tuple[http.client.HTTPResponse, str]:
        (found,) = (it for it in self.page.servers if (it.tls is None) is plain)
        port = found.server_address[1]
        if plain:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        else:
            context = ssl._create_unverified_context()  # noqa: S323 - the certificate is its own
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
        connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text

    def session(self) -> dict[str, str]:
        answer, _ = self.ask("/sign-in", f"code={self.page.code}".encode())
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
        assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        return {"Cookie": cookie.partition(";")[0]}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("certificate") / "https.pem"
    make_self_signed(path, datetime.now(UTC))
    return path.read_bytes()


@pytest.fixture
def device(tmp_path: Path, certificate: bytes) -> Iterator[Device]:
    (tmp_path / "api").mkdir()
    (tmp_path / "api/https.pem").write_bytes(certificate)
    made = Device(tmp_path)
    yield made
    made.close()


def test_it_tells_what_happened_and_shows_no_line_of_the_log_before_a_sign_in(
    device: Device,
) -> None:
    answer, text = device.ask("/")
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    for word in ("De&lt;pot", "2.0.0~deb13", "3.0.0", "front: unlocked", "no card opens a door"):
        assert word in text
    for word in ("secret", "data-send", "Go back", device.page.code):
        assert word not in text
    assert "Check each door" in text
    _, text = device.ask("/", headers=device.session())
    assert "RuntimeError: secret &lt;of&gt; the log" in text
    assert "Go back to version 1.0.0~deb13" in text


def test_doors_in_their_fault_states_need_no_check(device: Device) -> None:
    device.tell(replace(STORY, relays_put=True))
    _, text = device.ask("/")
    assert "front: unlocked" in text
    assert "Check each door" not in text
    device.tell(replace(STORY, controller_runs=True))
    _, text = device.ask("/")
    assert "the doors work as usual" in text
    assert "front" not in text


def test_a_story_that_cannot_be_read_is_left_out(device: Device) -> None:
    for content in ("", "[]", '{"lines": 3, "at": 7, "last_words": [1]}'):
        device.story.write_text(content)
        answer, text = device.ask("/")
        assert (answer.status, "Check each door" in text) == (200, True)


def test_plain_http_leads_to_https_and_takes_no_code(device: Device) -> None:
    answer, _ = device.ask("/", headers={"Host": "door.local"}, plain=True)
    assert answer.status == 303
    assert answer.headers["Location"] == f"https://door.local:{device.page.secure_port}/"
    answer, _ = device.ask("/sign-in", f"code={device.page.code}".encode(), plain=True)
    assert answer.status == 403
    answer, _ = device.ask("/", headers={"Host": 'a"><script>'}, plain=True)
    assert "Location" not in answer.headers


def test_without_a_certificate_it_can_be_read_and_nobody_signs_in(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api/https.pem").write_text("no certificate")
    device = Device(tmp_path)
    try:
        answer, text = device.ask("/", plain=True)
        assert answer.status == 200
        assert "Signing in needs HTTPS" in text
        assert "/sign-in" not in text
        assert "secret" not in text
        answer, _ = device.ask("/sign-in", f"code={device.page.code}".encode(), plain=True)
        assert answer.status == 403
        assert not device.code_file.exists()
    finally:
        device.close()


def test_the_code_is_in_a_file_of_its_user_alone(device: Device) -> None:
    eventually(device.code_file.exists)
    assert device.code_file.read_text().strip() == device.page.code
    assert device.code_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", ["/update", "/go-back", "/try-again"])
def test_nothing_is_done_without_a_session_or_from_another_page(path: str, device: Device) -> None:
    good = device.session()
    for headers, status in (
        ({}, 401),
        ({"Cookie": "safe_page=x"}, 401),
        ({"Cookie": 'safe_page="\\'}, 401),
        ({**good, "Origin": "https://elsewhere.example"}, 403),
        ({**good, "Origin": "null"}, 403),
    ):
        answer, _ = device.ask(path, b"x", headers)
        assert answer.status == status
    assert device.asked == []
    assert not device.uploaded.exists()


def test_a_wrong_code_is_told(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.page.sign_in, "_pause", lambda _: None)
    answer, text = device.ask("/sign-in", b"code=22222-22222", {"Accept-Language": "pt-BR,en"})
    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert "Este código está errado." in text


def test_an_update_is_kept_whole_and_root_is_asked_for_it(device: Device) -> None:
    body = bytes(range(256)) * 4_000
    answer, _ = device.ask("/update", body, device.session())
    assert answer.status == 202
    assert device.asked == [UpdateRequest.INSTALL]
    assert device.received == [body]


def test_what_root_refuses_is_told(device: Device) -> None:
    device.refusal = NotSupportedHere("this device knows no key for updates")
    answer, text = device.ask("/update", b"x", device.session())
    assert (answer.status, text) == (400, "this device knows no key for updates")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str(LARGEST_UPDATE + 1)}, 413),
        ({"Content-Length": "9" * 5_000}, 413),
        ({"Content-Length": "-1"}, 411),
        ({"Transfer-Encoding": "chunked", "Content-Length": "1"}, 411),
    ],
)
def test_a_body_without_a_good_length_is_refused(
    headers: dict[str, str], status: int, device: Device
) -> None:
    answer, _ = device.ask("/update", b"", {**device.session(), **headers})
    assert answer.status == status
    assert device.asked == []


def test_a_technician_goes_back_or_tries_again(device: Device) -> None:
    session = device.session()
    for path in ("/go-back", "/try-again"):
        answer, _ = device.ask(path, b"", session)
        assert answer.status == 202
    assert device.asked == [UpdateRequest.GO_BACK, UpdateRequest.TRY_AGAIN]


def test_one_address_does_not_keep_others_out(device: Device) -> None:
    there = ("127.0.0.1", device.page.secure_port or 0)
    with ExitStack() as held:
        for _ in range(connections.MOST_OF_ONE_ADDRESS):
            held.enter_context(socket.create_connection(there))
        with socket.create_connection(there) as one_more:
            one_more.settimeout(30)
            assert one_more.recv(1) == b""
        with socket.create_connection(there, source_address=("127.0.0.2", 0)) as other:
            other.settimeout(30)
            context = ssl._create_unverified_context()  # noqa: S323 - the certificate is its own
            with context.wrap_socket(other) as spoken:
                spoken.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert spoken.recv(12) == b"HTTP/1.0 200"


def test_a_request_that_comes_byte_by_byte_is_cut_off(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.2)
    (found,) = (it for it in device.page.servers if it.tls is None)
    with socket.create_connection(("127.0.0.1", found.server_address[1])) as slow:
        slow.settimeout(30)
        slow.sendall(b"GET / HT")
        assert slow.recv(1) == b""


def test_whoever_holds_all_places_keeps_nobody_out(device: Device) -> None:
    there = ("127.0.0.1", device.page.secure_port or 0)
    with ExitStack() as held:
        for number in range(connections.MOST + 4):
            source = (f"127.0.1.{1 + number // connections.MOST_OF_ONE_ADDRESS}", 0)
            held.enter_context(socket.create_connection(there, source_address=source))
        for _ in range(3):
            answer, _ = device.ask("/")
            assert answer.status == 200


def test_a_thread_that_cannot_be_had_costs_no_place(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ("127.0.0.1", device.page.secure_port or 0)

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    device.ask("/")  # its own threads have started
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        for _ in range(connections.MOST_OF_ONE_ADDRESS + 1):
            with socket.create_connection(there) as one:
                one.settimeout(30)
                assert one.recv(1) == b""
    answer, _ = device.ask("/")
    assert answer.status == 200


def test_a_huge_head_is_not_kept_in_memory(device: Device) -> None:
    (found,) = (it for it in device.page.servers if it.tls is None)
    with socket.create_connection(("127.0.0.1", found.server_address[1])) as one:
        one.settimeout(30)
        one.sendall(b"GET / HTTP/1.1\r\n")
        with suppress(OSError):
            for _ in range(64):
                one.sendall(b"x: " + b"a" * 60_000 + b"\r\n")
            one.sendall(b"\r\n")
        with suppress(ConnectionError):
            assert one.recv(1) == b""


def test_every_text_is_in_every_language() -> None:
    words = read_words()
    assert set(words) == set(LANGUAGES)
    for language in LANGUAGES:
        assert {key: text.count("%s") for key, text in words[language].items()} == {
            key: text.count("%s") for key, text in words["en"].items()
        }


def test_the_programs_of_the_room_need_no_package_of_the_bundle() -> None:
    root = Path(gateway.__file__).parents[1]
    script = (
        "import sys; before = set(sys.modules); sys.path.append(sys.argv[1]); "
        "import gateway.safe.main; new = set(sys.modules) - before; "
        "names = {it.partition('.')[0] for it in new}; "
        "print(*sorted(names - set(sys.stdlib_module_names)))"
    )
    words = [sys.executable, "-IS", "-c", script, str(root)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["gateway"]
