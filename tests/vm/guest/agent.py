"""Does inside the virtual machine what the tests outside ask for: one JSON line in, one out.

It runs with Debian's interpreter and without the gateway's packages, so that it also answers when
those are broken.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import IO, Any

PORT = "gateway.vm"
"""Name of the serial port, as QEMU was told it."""

Request = dict[str, Any]


def find_port() -> Path:
    """The device of the port with our name; waits until the kernel has it."""
    while True:
        for entry in Path("/sys/class/virtio-ports").glob("*"):
            device = Path("/dev", entry.name)
            if (entry / "name").read_text().strip() == PORT and device.exists():
                return device
        time.sleep(0.05)


def run(request: Request) -> Request:
    """Run a program to its end, or until its time is up: then its code is None."""
    program = subprocess.Popen(
        request["run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        out, err = program.communicate(request.get("input", ""), timeout=request["timeout_s"])
    except subprocess.TimeoutExpired:
        program.kill()
        out, err = program.communicate()
        return {"code": None, "out": out, "err": err}
    return {"code": program.returncode, "out": out, "err": err}


def read(request: Request) -> Request:
    """The text of a file."""
    return {"text": Path(request["read"]).read_text(errors="replace")}


def write(request: Request) -> Request:
    """Put text into a file."""
    Path(request["write"]).write_text(request["text"])
    return {}


def send(request: Request) -> Request:
    """Send a signal; answers with the moment before it."""
    now_s = time.monotonic()
    os.kill(request["signal"], request["number"])
    return {"at_s": now_s}


ACTIONS = {"run": run, "read": read, "write": write, "signal": send}


def answer(request: Request) -> Request:
    """Carry out a request, named by its first key; what goes wrong is the answer."""
    try:
        return ACTIONS[next(iter(request))](request)
    except (OSError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def serve(port: IO[bytes]) -> None:
    """Greet, then answer line by line for as long as the machine runs."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    reply: Request = {"boot": boot}
    while True:
        rest = json.dumps(reply).encode() + b"\n"
        while rest:  # the kernel takes some 32 KiB at a time
            rest = rest[port.write(rest) :]
        line = port.readline()
        while not line:  # nobody is connected
            time.sleep(0.05)
            line = port.readline()
        request = json.loads(line)
        reply = {**answer(request), "id": request["id"]}


if __name__ == "__main__":
    with find_port().open("r+b", buffering=0) as file:
        serve(file)
