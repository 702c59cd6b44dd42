"""The virtual machine from outside: QEMU, its console, and the agent that does what tests ask for.

QEMU emulates the processor (TCG): no /dev/kvm is needed, and none is used where there is one. The
machine lives in virtual time: it has one processor, which takes 2 ns of the machine's own clock for
each instruction, and the clock leaps over the time in which nothing is to be done. So what happens
when does not depend on the host or its load, and half a minute of waiting for a watchdog is short.

The disk's image is never written to; what the machine changes is forgotten with it.
"""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

T = TypeVar("T")

BUILT = Path(__file__).resolve().parents[2] / ".vm"
"""Where `.ci/vm` puts kernel and disk."""
BOOT_S = 1800.0
"""Far more than a boot takes on a slow machine."""
RUN_S = 120.0
"""The time that a program in the machine has where a test does not say."""
_ANSWER_S = 120.0
"""What an answer may take beyond the time of the program."""

# Without `tsc` each reading of the clock leaves the emulated processor. `mitigations` are against
# faults that it does not have.
_KERNEL = (
    "console=ttyS0 quiet panic=-1 tsc=reliable clocksource=tsc mitigations=off "
    "random.trust_cpu=on systemd.show_status=0"
)


class MachineError(AssertionError):
    """The machine did not do as it should; the text ends with its console."""


def eventually(
    look: Callable[[], T], what: str, deadline_s: float = 300.0, pause_s: float = 0.1
) -> T:
    """The first truthy answer of `look`; fails, naming `what` and the last answer, at the end.

    Looking costs the machine time of its only processor: `pause_s` is between two looks.
    """
    end = time.monotonic() + deadline_s
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about; last seen: {found!r}")
        time.sleep(pause_s)
    return found


class Machine:
    """A running machine."""

    def __init__(self, work: Path) -> None:
        """Start it and wait for its agent. `work` is an empty directory for console and sockets."""
        self.console = work / "console.log"
        self.boot = ""
        """The kernel's name of this boot."""
        self._lines = b""
        self._asked = 0
        with ExitStack() as started:
            complaints = started.enter_context((work / "qemu.log").open("w+b"))
            control = work / "agent"
            self._qemu = subprocess.Popen(
                _command(self.console, control),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )
            started.callback(self._end)
            self._agent = started.enter_context(socket.socket(socket.AF_UNIX))
            eventually(lambda: control.exists() or self._ended(), "QEMU's socket")
            try:
                self._agent.connect(str(control))
            except OSError as error:
                raise MachineError(f"QEMU: {(work / 'qemu.log').read_text()}") from error
            self.await_agent()
            self._opened = started.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def await_agent(self) -> None:
        """Wait for the agent to greet, as it does once after each boot."""
        self.boot = self._receive(BOOT_S)["boot"]

    def run(
        self,
        *program: object,
        text: str = "",
        timeout_s: float = RUN_S,
        codes: Collection[int] = (0,),
    ) -> str:
        """Run a program to its end and return its standard output.

        Raises MachineError when it ends with another code or takes longer than `timeout_s` (of the
        machine's time).
        """
        words = [str(word) for word in program]
        answer = self._ask({"run": words, "input": text, "timeout_s": timeout_s}, timeout_s)
        if answer["code"] not in codes:
            raise MachineError(
                f"{shlex.join(words)}: code {answer['code']}\n{answer['out']}{answer['err']}"
            )
        return str(answer["out"])

    def receive(
        self, frames: int, *intervals_us: int, widths: bool = False
    ) -> list[dict[str, Any]]:
        """Rounds of guest/receive.py, one for each interval, with the controller's own interpreter;
        the controller must not run."""
        # The environment is found from its own folder, not from the link to it.
        folder = self.run("readlink", "-f", "/opt/gateway/bin").strip()
        words = [f"{folder}/python", "/usr/lib/vm/receive.py", frames, int(widths), *intervals_us]
        return [json.loads(line) for line in self.run(*words, timeout_s=36_000).splitlines()]

    def read(self, path: str) -> str:
        """The text of a file in the machine."""
        return str(self._ask({"read": path})["text"])

    def write(self, path: str, text: str) -> None:
        """Put text into a file in the machine."""
        self._ask({"write": path, "text": text})

    def now_s(self) -> float:
        """The machine's monotonic clock, to a hundredth of a second."""
        return float(self.read("/proc/uptime").split()[0])

    def signal(self, process: int, number: signal.Signals) -> float:
        """Send a signal; returns the moment before it, in the machine's monotonic seconds."""
        return float(self._ask({"signal": process, "number": int(number)})["at_s"])

    def unit(self, name: str, *properties: str) -> dict[str, str]:
        """Properties of a unit as `systemctl show` gives them."""
        shown = self.run("systemctl", "show", name, "--property", ",".join(properties))
        return dict(line.split("=", 1) for line in shown.splitlines())

    def logs(self) -> str:
        """The end of the console, and of the journal when it can still be had."""
        console = self.console.read_text(errors="replace")[-6_000:]
        try:
            journal = self.run(
                "journalctl", "--no-pager", "-n", 80, "-o", "short-monotonic", timeout_s=30
            )
        except (MachineError, OSError) as error:
            journal = f"no journal: {error}"
        return f"--- console\n{console}\n--- journal\n{journal}"

    def _ask(self, request: dict[str, Any], timeout_s: float = 0.0) -> dict[str, Any]:
        self._send(request)
        while True:
            answer = self._receive(timeout_s + _ANSWER_S)
            if "boot" in answer:
                raise MachineError(f"{request}: the machine has started again meanwhile")
            if answer["id"] != self._asked:
                continue  # of an earlier question, whose time was up
            if "error" in answer:
                raise MachineError(f"{request}: {answer['error']}")
            return answer

    def _send(self, request: dict[str, Any]) -> None:
        self._asked += 1
        self._agent.settimeout(_ANSWER_S)
        self._agent.sendall(json.dumps({**request, "id": self._asked}).encode() + b"\n")

    def _receive(self, deadline_s: float) -> dict[str, Any]:
        end = time.monotonic() + deadline_s
        while b"\n" not in self._lines:
            self._agent.settimeout(max(0.1, end - time.monotonic()))
            try:
                more = self._agent.recv(1 << 16)
            except TimeoutError:
                more = b""
            if not more:
                tail = self.console.read_text(errors="replace")[-6_000:]
                what = "ended" if self._ended() else f"said nothing for {deadline_s:.0f} s"
                raise MachineError(f"the machine {what}; its console:\n{tail}")
            self._lines += more
        line, _, self._lines = self._lines.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> bool:
        return self._qemu.poll() is not None

    def _end(self) -> None:
        self._qemu.kill()
        self._qemu.wait()


def _command(console: Path, control: Path) -> list[str]:
    """How QEMU is called."""
    disk = BUILT / "root.img"
    words = [
        "qemu-system-x86_64 -accel tcg,thread=single -icount shift=1,sleep=off -smp 1 -cpu max",
        "-m 512,slots=1,maxmem=4G -nodefaults -display none -serial",
        f"file:{console}",
        f"-kernel {BUILT / 'vmlinuz'} -initrd {BUILT / 'initrd.gz'} -append",
        shlex.quote(_KERNEL),
        # Memory, not a disk: a disk answers in the host's time, which the leaping clock overtakes.
        "-machine pc,nvdimm=on",
        f"-object memory-backend-file,id=disk,share=off,mem-path={disk},size={disk.stat().st_size}",
        "-device nvdimm,memdev=disk",
        "-device virtio-rng-pci -device i6300esb -action watchdog=reset",
        "-device virtio-serial-pci -device virtserialport,chardev=agent,name=gateway.vm",
        f"-chardev socket,id=agent,path={control},server=on,wait=off",
    ]
    return shlex.split(" ".join(words))
