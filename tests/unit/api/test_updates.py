"""Signed updates over the API; `make test-deb` installs them."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.api.app import create_app
from gateway.api.server import Listener, Server
from gateway.errors import DeviceUnavailable, NotSupportedHere
from gateway.host import update_install, update_request
from gateway.host.helped_platform import HelpedPlatform
from gateway.host.update_bundle import UpdateFacts, public_part, sign_bundle
from gateway.host.update_install import UpdateNote, UpdateOutcome
from tests.waiting import eventually

Order = Callable[..., requests.Response]

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PACKAGE = bytes(range(256)) * 4_000


def update(version: str = "2.0.0", architecture: str = "arm64") -> bytes:
    facts = UpdateFacts(version, "deb13", architecture, "1.0.0", len(PACKAGE), "")
    target = io.BytesIO()
    sign_bundle(io.BytesIO(PACKAGE), target, facts, KEY)
    return target.getvalue()


class InstalledDevice:
    """A device of the Debian package, whose dpkg only notes what it gets."""

    def __init__(self, url: str, installed: list[bytes]) -> None:
        self.url = url
        self.installed = installed


@pytest.fixture
def installed(
    throwaway: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InstalledDevice]:
    done: list[bytes] = []
    notes: list[UpdateNote] = []

    def install(copy: io.BufferedRandom, facts: UpdateFacts, begun: Callable[[], None]) -> None:
        done.append(copy.read())
        at = datetime(2026, 11, 28, 10, tzinfo=UTC)
        note = UpdateNote(UpdateOutcome.RUNS, "1.0.0", facts.version, facts.signed_by, at)
        note = note.heard("step go_back: 2.0.0 is not ready")
        notes.append(note.heard("not upgraded; 1.0.0 runs as before, because it said so").ended(1))
        begun()

    for module in ("gateway.host.update_install", "gateway.commands.update"):
        monkeypatch.setattr(f"{module}.installed_version", lambda: ("1.0.0", "deb13"))
    monkeypatch.setattr(update_install, "architecture", lambda: "arm64")
    monkeypatch.setattr(update_install, "read_keys", lambda: [public_part(KEY)])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    work = tmp_path / "work"
    monkeypatch.setattr(update_request, "prepared", partial(update_install.prepared, work=work))
    monkeypatch.setattr(update_request, "install_checked", install)
    monkeypatch.setattr("gateway.commands.update.last_update", lambda: notes[-1] if notes else None)
    uploaded = throwaway.context.data / update_install.UPLOADED
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / update_request.SOCKET_NAME))
        listener.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    update_request.serve_update(listener, uploaded)

        root = threading.Thread(target=serve)
        root.start()
        context = replace(throwaway.context, platform=HelpedPlatform(tmp_path / "gateway-system"))
        with Server(create_app(context), Listener("127.0.0.1", 0)) as server:
            yield InstalledDevice(server.url, done)
        listener.shutdown(socket.SHUT_RDWR)
        root.join()


@pytest.mark.effect("upload_update", "install_update", "update_state")
def test_an_uploaded_update_is_told_then_installed_by_root(
    order: Order, installed: InstalledDevice
) -> None:
    told = order("upload_update", data=update(), url=installed.url).json()
    assert (told["version"], told["installed"]) == ("2.0.0", "1.0.0")
    assert told["signed_by"] == public_part(KEY).fingerprint
    assert order("update_state", {}, url=installed.url).json()["uploaded"] is True
    assert installed.installed == []
    assert order("install_update", {}, url=installed.url).json() == {}
    state = eventually(lambda: order("update_state", {}, url=installed.url).json()["last"])
    assert installed.installed == [PACKAGE]
    assert (state["outcome"], state["version"]) == ("went_back", "2.0.0")
    assert (state["step"], state["because"]) == ("go_back", "it said so")
    assert order("update_state", {}, url=installed.url).json()["uploaded"] is False


@pytest.mark.refusal("upload_update", "install_update")
def test_a_refused_update_is_not_kept_and_nothing_is_installed(
    order: Order, installed: InstalledDevice
) -> None:
    for data, why in [
        (update()[:-1] + b"!", "was changed after it was signed"),
        (update()[:-9], "is cut off"),
        (update(architecture="amd64"), "this device is arm64"),
        (update("0.9.0"), "release 1.0.0 is installed"),
        (PACKAGE, "no update of the gateway"),
    ]:
        order("upload_update", data=update(), url=installed.url).raise_for_status()
        reply = order("upload_update", data=data, url=installed.url)
        assert (reply.status_code, why in reply.json()["error"]) == (400, True), reply.text
        reply = order("install_update", {}, url=installed.url)
        assert reply.json()["error"] == "no update was uploaded"
    assert installed.installed == []


def test_root_trusts_nothing_that_the_api_checked(
    order: Order, installed: InstalledDevice, throwaway: SimpleNamespace
) -> None:
    uploaded = throwaway.context.data / update_install.UPLOADED
    uploaded.write_bytes(update()[:-1] + b"!")
    reply = order("install_update", {}, url=installed.url)
    assert (reply.status_code, "changed after" in reply.json()["error"]) == (400, True)
    uploaded.symlink_to(throwaway.context.data / "store.db")
    reply = order("install_update", {}, url=installed.url)
    assert reply.status_code == 400
    assert installed.installed == []


@pytest.mark.refusal("update_state")
def test_operators_may_neither_update_nor_look(order: Order, installed: InstalledDevice) -> None:
    for command in ("upload_update", "install_update", "update_state"):
        reply = order(command, {}, login=None, url=installed.url)
        assert reply.status_code == 401


def test_a_computer_with_a_simulated_board_takes_no_update(order: Order) -> None:
    for reply in (order("upload_update", data=update()), order("install_update", {})):
        assert reply.status_code == 400
        assert "on a simulated board" in reply.json()["error"]
    assert order("update_state", {}).json() == {
        "installed": "1.2.3",
        "uploaded": False,
        "last": None,
    }


def test_without_the_package_the_refusal_names_it(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedHere, match="updates need the Debian package"):
        update_request.ask_for_update(tmp_path / "none")


def test_a_root_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "gateway-update"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(DeviceUnavailable, match="did not answer"):
            update_request.ask_for_update(path, answer_s=0.01)
