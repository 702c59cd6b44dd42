"""A technician presses the buttons of the safe page: from the browser's request down to the files.

Page, root's helper and the package's own script are the real ones, over a socket, with two releases
in a directory. Only systemd and dpkg's notes are stood in for; tests/deb has those.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from ssl import _create_unverified_context
from typing import Any

import pytest

from gateway.host import update_request
from gateway.host.certificate import make_self_signed
from gateway.host.update_request import ask_for_update, serve_update
from gateway.safe.server import SafePage
from gateway.safe.site import SafeSite
from tests.waiting import eventually

SHARE = Path(__file__).parents[3] / "systemd"
WATCH = f"""#!/bin/bash
set -euo pipefail
top={{root}}
. {SHARE}/deployment
. {SHARE}/debian/maintainer
version=2.0.0~deb13 home=$top/usr/lib/gateway former=$backups/former.deb
upgrade_backup=$backups/upgrade probation=$backups/probation
notes=$top/notes upgrading=$top/notes/upgrading
export top
systemctl() {{{{ echo "systemctl $*" >>"$top/log"; }}}}
dpkg() {{{{ dpkg-deb -x "$2" "$top"; }}}}
export -f dpkg
watch "$@"
"""
run_really = subprocess.run


def release(root: Path, version: str) -> Path:
    """The file of a release's version, in its place below `root`."""
    file = root / "usr/lib/gateway/release"
    file.parent.mkdir(parents=True)
    file.write_text(version)
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A device with release 2, which kept release 1."""
    former = tmp_path / "former"
    release(former, "1.0.0")
    (former / "DEBIAN").mkdir()
    (former / "DEBIAN/control").write_text(
        "Package: gateway\nVersion: 1.0.0~deb13\nArchitecture: all\n"
        "Maintainer: nobody <nobody@gateway.invalid>\nDescription: a former release\n"
    )
    root = tmp_path / "root"
    kept = root / "var/backups/gateway"
    kept.mkdir(parents=True)
    words = ["dpkg-deb", "--root-owner-group", "-b", str(former), str(kept / "former.deb")]
    run_really(words, check=True, capture_output=True)
    return root


@pytest.fixture
def page(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SafePage]:
    watch = tmp_path / "watch"
    watch.write_text(WATCH.format(root=root))
    watch.chmod(0o755)
    monkeypatch.setattr(update_request, "WATCH", str(watch))

    def run(words: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        if words[0] == "/usr/bin/systemctl":  # the safe page runs
            return subprocess.CompletedProcess(words, 0)
        return run_really(words, **options)

    monkeypatch.setattr("subprocess.run", run)
    (root / "api").mkdir()
    make_self_signed(root / "api/https.pem", datetime.now(UTC))
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as listener:
        listener.bind(str(tmp_path / "helper"))
        listener.listen()
        helper = threading.Thread(target=serve, args=(listener, root), daemon=True)
        made = SafePage(
            SafeSite("Depot", None, "127.0.0.1:0"),
            root,
            ask=lambda it: ask_for_update(tmp_path / "helper", request=it),
        )
        serving = threading.Thread(target=partial(made.serve, tmp_path / "code"))
        helper.start()
        serving.start()
        yield made
        made.close()
        serving.join()


def serve(listener: socket.socket, root: Path) -> None:
    """As gateway-update.service, which systemd starts for each request."""
    for _ in range(2):
        serve_update(listener, root / "uploaded")


def press(page: SafePage, path: str, body: str = "", cookie: str = "") -> Any:
    context = _create_unverified_context()  # noqa: S323 - the certificate is its own
    connection = HTTPSConnection("127.0.0.1", page.secure_port, timeout=60, context=context)
    with closing(connection):
        connection.request("POST", path, body, {"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        return answer


def test_services_are_tried_again_and_the_former_release_comes_back(
    page: SafePage, root: Path
) -> None:
    installed = release(root, "2.0.0")
    code = eventually(lambda: page.code)
    signed_in = press(page, "/sign-in", f"code={code}")
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    assert press(page, "/try-again", cookie=cookie).status == 202
    log = root / "log"
    eventually(lambda: log.exists() and "start --no-block gateway.target" in log.read_text())
    assert installed.read_text() == "2.0.0"
    assert press(page, "/go-back", cookie=cookie).status == 202
    eventually(lambda: installed.read_text() == "1.0.0")
