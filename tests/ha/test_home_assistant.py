"""A device at a broker, and a real Home Assistant there: `make test-ha`.

Home Assistant needs a newer Python than this one: its part, `inside.py`, runs in a root directory
of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import SITE_FILE
from gateway.settings.files import END_LINE
from tests.mqtt.broker import Mosquitto, await_true

ROOT = Path(__file__).parents[2] / ".ha/root"


@pytest.fixture
def directory() -> Iterator[Path]:
    # Short on purpose: a socket's path may hold 107 bytes.
    with tempfile.TemporaryDirectory(prefix="gw-") as made:
        yield Path(made)


def test_home_assistant_discovers_shows_and_commands_a_device(directory: Path) -> None:
    broker = Mosquitto(directory)
    program = str(Path(sys.executable).with_name("gateway"))
    data, environment = directory / "data", {**os.environ, "XDG_RUNTIME_DIR": str(directory)}
    subprocess.run(
        [program, "init", "--data", str(data), "--demo"],
        check=True,
        env=environment,
        capture_output=True,
    )
    site = data / SITE_FILE
    table = f"[mqtt]\nbroker = 'mqtt://127.0.0.1:{broker.port}'\ncommands = true\n"
    site.write_text(site.read_text().replace(END_LINE, table + END_LINE))
    with (directory / "log").open("wb") as log:
        running = subprocess.Popen(
            [program, "run", "--data", str(data), "--http", "127.0.0.1:0"],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        topic = await_true(
            lambda: next((it for it in broker.retained() if it.endswith("/door/1/lock")), ""),
            "the state",
        )
        shutil.copy(Path(__file__).with_name("inside.py"), ROOT / "inside.py")
        words = ["/ha/bin/pytest", "-q", "--asyncio-mode=auto", "-p", "no:cacheprovider"]
        given = [f"BROKER_PORT={broker.port}", f"LOCK_TOPIC={topic}"]
        done = subprocess.run(
            ["chroot", str(ROOT), "env", *given, *words, "/inside.py"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        running.terminate()
        running.wait(30)
        broker.close()
