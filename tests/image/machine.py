"""A machine that boots the image, from outside: QEMU, its console, its disk.

QEMU emulates the processor (TCG). The machine is QEMU's `virt`, not a Raspberry Pi: kernel, initial
RAM disk and file systems are those of the card; the Pi's own start from the FAT partition is not
seen. What the machine has handed to its disk survives a cut, what it still had in memory does not.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

T = TypeVar("T")

BUILT = Path(__file__).resolve().parents[2] / ".image"
"""Where `.ci/image` puts the image."""
SECTOR = 512
BOOT, ROOT, DATA = 0, 1, 2
"""Partitions."""
CARD_BYTES = 4 << 30
"""The card is larger than the image, as cards are."""
BOOT_S = 1800.0
"""Far more than a boot takes on a busy machine."""
_ANSWER_S = 60.0
_KERNEL = (
    *("console=ttyAMA0", "quiet", "panic=-1"),
    # For a machine that is busy with other things.
    "systemd.default_device_timeout_sec=1800",
    "systemd.default_timeout_start_sec=1800",
)


def tool(*words: object, codes: tuple[int, ...] = (0,)) -> str:
    """Run a program of this machine; returns what it wrote."""
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False
    )
    assert done.returncode in codes, f"{words}: code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Card:
    """The image on a card: a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        tool("cp", "--sparse=always", BUILT / "gateway.img", path)
        with path.open("r+b") as file:
            file.truncate(CARD_BYTES)

    def partition(self, number: int) -> tuple[int, int]:
        """Its first byte and its size in bytes."""
        table = json.loads(tool("sfdisk", "--json", self.path))["partitiontable"]["partitions"]
        found = table[number]
        return found["start"] * SECTOR, found["size"] * SECTOR

    @property
    def _fat(self) -> str:
        return f"{self.path}@@{self.partition(BOOT)[0]}"

    def names(self) -> list[str]:
        """Files of the FAT partition."""
        return tool("mdir", "-b", "-i", self._fat, "::").replace("::/", "").splitlines()

    def take(self, name: str, target: Path) -> Path:
        """Copy a file of the FAT partition."""
        tool("mcopy", "-n", "-o", "-i", self._fat, f"::{name}", target)
        return target

    def text(self, name: str, work: Path) -> str:
        return self.take(name, work / "card.txt").read_text(encoding="utf-8")

    def put(self, source: Path, name: str) -> None:
        tool("mcopy", "-o", "-i", self._fat, source, f"::{name}")

    def data(self, work: Path) -> Path:
        """A copy of what is on the data partition, after the repair that each boot makes."""
        start, size = self.partition(DATA)
        part, tree = work / "data.part", work / "data"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        part.unlink(missing_ok=True)
        mega = 1 << 20
        tool(
            *("dd", f"if={self.path}", f"of={part}", "bs=1M", f"skip={start // mega}"),
            *(f"count={size // mega}", "conv=sparse", "status=none"),
        )
        tool("e2fsck", "-p", "-f", part, codes=(0, 1))
        for name in ("gateway", "log"):
            tool("debugfs", "-R", f"rdump /{name} {tree}", part)
        part.unlink()
        return tree


class Machine:
    """A running machine; `cut` ends it as a power cut does."""

    def __init__(self, card: Card, work: Path) -> None:
        """`work` is a directory for its console, which goes on from boot to boot."""
        self._card = card
        self._work = work
        self.console = work / "console.log"
        self.console.unlink(missing_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._begun = time.monotonic()
        self._qemu = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def _command(self) -> list[str]:
        kernel, initrd = self._boot_files()
        options = self._card.text("cmdline.txt", self._work).split()
        options = [it for it in options if not it.startswith("console=")]
        drive = f"file={self._card.path},if=virtio,format=raw,cache=writeback"
        forward = f"user,id=net,hostfwd=tcp:127.0.0.1:{self.port}-:80"
        return [
            *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2"),
            *("-m", "1024", "-nodefaults", "-display", "none", "-no-reboot"),
            *("-serial", f"file:{self.console}", "-kernel", str(kernel), "-initrd", str(initrd)),
            *("-append", " ".join([*options, *_KERNEL])),
            *("-drive", drive, "-netdev", forward, "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci"),
        ]

    def _boot_files(self) -> tuple[Path, Path]:
        """Kernel and initial RAM disk that config.txt of the card names."""
        text = self._card.text("config.txt", self._work)
        found = {}
        for key, line in (("kernel", r"^kernel=(\S+)"), ("initrd", r"^initramfs (\S+)")):
            name = re.findall(line, text, re.MULTILINE)[-1]
            found[key] = self._work / key
            self._card.take(name, found[key])
        return found["kernel"], found["initrd"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()

    def cut(self) -> None:
        self._qemu.kill()
        self._qemu.wait()

    @property
    def age_s(self) -> float:
        """Since power on."""
        return time.monotonic() - self._begun

    def shown(self) -> str:
        """What its console has shown."""
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def eventually(self, look: Callable[[], T], what: str, deadline_s: float = BOOT_S) -> T:
        """The first truthy answer of `look`; fails, naming `what`, with the end of the console."""
        end = time.monotonic() + deadline_s
        while not (found := look()):
            if self._qemu.poll() is not None or time.monotonic() > end:
                ended = "the machine ended" if self._qemu.poll() is not None else "too late"
                raise AssertionError(f"{what}: {ended}; its console:\n{self.shown()[-6000:]}")
            time.sleep(0.5)
        return found

    def await_page(self) -> float:
        """Wait for the page's first answer; seconds since power on."""

        def answered() -> bool:
            try:
                return requests.get(self.url, timeout=_ANSWER_S).status_code == 200
            except requests.RequestException:
                return False

        self.eventually(answered, "the page's first answer")
        return self.age_s


class Client:
    """A client of the device API; raises requests.RequestException when the power is cut."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.session = ""

    def ask(self, command: str, body: object) -> Any:
        answer = requests.post(
            f"{self._url}/{command}.fcgi",
            params={"session": self.session},
            json=body,
            timeout=_ANSWER_S,
        )
        assert answer.status_code == 200, f"{command}: {answer.text}"
        return answer.json()

    def create(self, name: str, /, **row: object) -> int:
        return int(self.ask("create_objects", {"object": name, "values": [row]})["ids"][0])

    def load(self, name: str, **search: object) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.ask("load_objects", {"object": name, **search})[name]
        return rows
