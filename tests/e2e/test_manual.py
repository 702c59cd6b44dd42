"""The command lines of README and manual, run as they stand there against a demo site.

Each page is one script: its fences of `sh`, in their order, in one shell. Only the data directory,
the address, the password and the program's place are those of the test.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "gateway/docs").glob("*.md")), ROOT / "hw/README.md"]
START = ROOT / "gateway/docs/getting-started.md"

NOT_RUN = {
    "make run": "is the gateway that runs here",
    "make test": "runs this test",
    "make lint": "checks the sources",
    "make setup-test": "fills the environment that the tests run in",
    "make update-key": "is the publisher's; tests/deb signs, checks and installs an update",
    "make deb": "builds for minutes; tests/deb installs what it builds",
    "make bundle": "as above",
    "head -n 5 FILE": "needs an update; tests/unit/host checks its lines as minisign does",
    "minisign ": "as above",
    "sudo ": "changes the machine; tests/vm installs, upgrades and removes the program",
    "git pull && sudo make install": "as above",
    ".venv/bin/gateway peer add": "needs another device; test_peers.py types it",
    ".venv/bin/gateway sim --data .gateway adc": "needs a converter in the site file;"
    " tests/unit/controller/test_supervised.py drives one",
    "rpi-image-gen ": "is a program of Raspberry Pi's; the layer was checked as a file",
    "IGconf_gateway_deb=": "as above",
    "ls /opt/gateway/releases": "lists what only an installation has",
}
"""How lines begin that are left out, and why."""
WAITING = "post remote_enroll"
"""A line that waits for what the next fence does in another terminal."""

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(
    r"^(?:\S*/)?(?:gateway|curl|make|sudo|git|post|execute|pytest)\b(?! *=)", re.MULTILINE
)
_DEFINES_SESSION = "session=$("


def fences(page: Path) -> list[str]:
    return [match[2] for match in _FENCE.finditer(page.read_text()) if match[1] == "sh"]


def lines(page: Path) -> Iterator[str]:
    for fence in fences(page):
        yield from fence.splitlines()


def left_out(line: str) -> bool:
    return line.strip().startswith(tuple(NOT_RUN))


def script(page: Path) -> str:
    """What the page tells its reader to type."""
    parts = [
        "\n".join(line for line in fence.splitlines() if not left_out(line))
        for fence in fences(page)
    ]
    text = ""
    waiting = False
    for part in parts:
        text += f"while kill -0 $! 2>/dev/null; do\n{part}\ndone\nwait $!\n" if waiting else part
        waiting = part.startswith(WAITING)
        text += " &\n" if waiting else "\n"
    if re.search(r"\bpost \w|\$session", text) and _DEFINES_SESSION not in text:
        log_in = next(fence for fence in fences(START) if _DEFINES_SESSION in fence)
        text = log_in.partition("\n\n")[0] + "\n" + text
    return text


SCRIPTS = {page: script(page) for page in PAGES}


OSDP = ROOT / "gateway/docs/osdp.md"


@pytest.fixture(scope="module")
def manual_site(make: Any) -> Iterator[Any]:
    with make.run(make.demo()) as running:
        yield running


@pytest.fixture
def osdp_site(make: Any) -> Iterator[Any]:
    """The demo with the reader that the page about OSDP adds, on a simulated port."""
    [table] = [match[2] for match in _FENCE.finditer(OSDP.read_text()) if match[1] == "toml"]
    table = re.sub(r'port = ".*"', 'port = "simulated"', table)
    demo = ROOT / "gateway/cli/demo.toml"
    with make.run(make.site(f"{demo.read_text()}\n{table}")) as running:
        yield running


@pytest.mark.parametrize(
    "page", [page for page in PAGES if SCRIPTS[page].strip()], ids=lambda page: page.name
)
def test_every_command_line_of_a_page_works(
    page: Path, request: pytest.FixtureRequest, gateway_command: list[str], tmp_path: Path
) -> None:
    running = request.getfixturevalue("osdp_site" if page == OSDP else "manual_site")
    site = running.site
    text = SCRIPTS[page]
    for written, meant in (
        (r"(?<![\w/.])\.gateway\b", str(site.data)),
        (r"http://127\.0\.0\.1:8080", running.url),
        (r"\bPASSWORD\b", site.password),
        (r"\.venv/bin/gateway\b", " ".join(gateway_command)),
    ):
        text = meant.join(re.split(written, text))
    done = subprocess.run(
        [
            "bash",
            "-c",
            "set -eE -o pipefail; trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR\n" + text,
        ],
        env=site.home.environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '"error"' not in done.stdout
    assert "failed:" not in done.stderr


@pytest.mark.parametrize("beginning", NOT_RUN)
def test_a_line_that_is_left_out_is_in_the_manual(beginning: str) -> None:
    assert any(line.strip().startswith(beginning) for page in PAGES for line in lines(page))


def test_every_command_line_is_in_a_fence_that_is_run() -> None:
    outside = [
        f"{page.name}: {line[0]}"
        for page in PAGES
        for match in _FENCE.finditer(page.read_text())
        if match[1] != "sh" and (line := _COMMAND.search(match[2]))
    ]
    assert outside == []
