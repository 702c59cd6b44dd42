"""Facts about a Raspberry Pi from its files: model, configuration, power, ports, disk.

All files are read below one root, which tests replace. A missing fact is None or empty; no method
raises on a machine that is not a Pi.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids of a user and of all its groups."""

    user: int
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """Owner, group and permissions of a device file."""

    owner: int
    group: int
    mode: int
    """Permission bits."""

    def open_to(self, who: Identity) -> bool:
        """Return whether `who` may read and write it."""
        if who.user == 0:
            return True
        if self.owner == who.user:
            return self.mode & 0o600 == 0o600
        if self.group in who.groups:
            return self.mode & 0o060 == 0o060
        return self.mode & 0o006 == 0o006


@dataclass(frozen=True, slots=True)
class Mount:
    """The mounted file system that holds a directory."""

    device: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class WatchdogState:
    """State of the hardware watchdog in the kernel."""

    active: bool
    timeout_s: int | None


class MachineFiles:
    """The machine whose files are below `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._pins: dict[str, str] | None = None

    def read_as_root(self) -> None:
        """Read now what only root may read, for a program that gives up root's rights."""
        self._pins = self._pins_in_use()

    def path(self, absolute: str | Path) -> Path:
        """Return the path below the root for an absolute path of the machine."""
        return self._root / str(absolute).lstrip("/")

    def text(self, absolute: str) -> str | None:
        """Return a file's text without surrounding white space and NULs; None if unreadable."""
        try:
            raw = self.path(absolute).read_bytes()
        except OSError:
            return None
        return raw.decode("utf-8", "replace").strip("\0 \t\r\n")

    def model(self) -> str | None:
        """Return the board's name in the device tree, revision included."""
        return self.text("/proc/device-tree/model")

    def boot_file(self) -> str:
        """Return the path of config.txt; releases before bookworm have it in /boot."""
        new, old = "/boot/firmware/config.txt", "/boot/config.txt"
        return new if self.path(new).exists() or not self.path(old).exists() else old

    def boot_lines(self, sections: Collection[str]) -> tuple[str, ...] | None:
        """Return the lines of config.txt that apply to a board with these sections, in order.

        `[name]` starts a section, which ends at the next one; `[all]` applies to every board.
        Returns None when the file cannot be read.
        """
        text = self.text(self.boot_file())
        if text is None:
            return None
        holds = True
        lines = []
        for raw in text.splitlines():
            line = raw.partition("#")[0].strip()
            if line.startswith("[") and line.endswith("]"):
                holds = line[1:-1].strip().lower() in {"all", *sections}
            elif line and holds:
                lines.append("".join(line.split()))
        return tuple(lines)

    def throttled(self) -> int | None:
        """Return the firmware's bits for under-voltage, throttling and heat.

        Bits 0-3 are the present, bits 16-19 since boot: under-voltage, capped, throttled, hot.
        """
        devices = self.path("/sys/devices/platform")
        # The node is next to or below the SoC's node, depending on the kernel.
        below = ("*firmware/get_throttled", "*/*firmware/get_throttled")
        for path in sorted(path for pattern in below for path in devices.glob(pattern)):
            try:
                return int(path.read_text(encoding="ascii").strip(), 16)
            except (OSError, ValueError):
                continue
        return None

    def outputs_persist(self) -> bool | None:
        """Return whether outputs keep their level when their owner exits; None if unknown."""
        for module in ("pinctrl_bcm2835", "pinctrl_rp1"):
            content = self.text(f"/sys/module/{module}/parameters/persist_gpio_outputs")
            if content is not None:
                return content.upper().startswith("Y")
        return None

    def watchdog(self) -> WatchdogState | None:
        """Return the first watchdog, None without one."""
        state = self.text("/sys/class/watchdog/watchdog0/state")
        if state is None:
            return None
        timeout = self.text("/sys/class/watchdog/watchdog0/timeout")
        seconds = int(timeout) if timeout and timeout.isdecimal() else None
        return WatchdogState(state == "active", seconds)

    def battery_clock(self) -> str | None:
        """Return the name of the first battery clock, None without one."""
        return self.text("/sys/class/rtc/rtc0/name")

    def time_synchronised(self) -> bool:
        """Return whether systemd-timesyncd has set the clock since boot."""
        return self.path("/run/systemd/timesync/synchronized").exists()

    def consoles(self) -> frozenset[str]:
        """Return the terminals with a kernel console, such as ttyAMA0."""
        active = (self.text("/sys/class/tty/console/active") or "").split()
        words = (self.text("/proc/cmdline") or "").split()
        asked = (word.removeprefix("console=") for word in words if word.startswith("console="))
        named = [name.partition(",")[0] for name in asked]
        real = [self.path(f"/dev/{name}").resolve().name for name in named]
        return frozenset([*active, *named, *real])

    def device_file(self, absolute: str) -> DeviceFile | None:
        """Return the device file, following links; None without one."""
        try:
            found = self.path(absolute).stat()
        except OSError:
            return None
        return DeviceFile(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))

    def device_of(self, absolute: str) -> str:
        """Return the name in /dev that a link resolves to, such as ttyUSB0."""
        return self.path(absolute).resolve().name

    def lasting_names(self, beside: str, device: str | None = None) -> tuple[str, ...]:
        """Return the by-id and by-path links of serial ports, or of input devices if `beside` is
        one.

        Returns all links, or those that resolve to `device`.
        """
        kind = "input" if beside.startswith("/dev/input/") else "serial"
        found = []
        for folder in (f"/dev/{kind}/by-id", f"/dev/{kind}/by-path"):
            here = self.path(folder)
            names = sorted(entry.name for entry in here.iterdir()) if here.is_dir() else []
            found += [f"{folder}/{name}" for name in names]
        return tuple(name for name in found if device is None or self.device_of(name) == device)

    def identity(self, name: str) -> Identity | None:
        """Return the user `name` with its groups in /etc/group; None without such a user."""
        own = [row for row in self._rows("/etc/passwd") if row[0] == name and len(row) > 3]
        if not own:
            return None
        groups = [row[2] for row in self._rows("/etc/group") if name in row[-1].split(",")]
        numbers = [own[0][2], own[0][3], *groups]
        if not all(number.isdecimal() for number in numbers):
            return None
        user, *rest = map(int, numbers)
        return Identity(user, frozenset(rest))

    def _rows(self, file: str) -> list[list[str]]:
        lines = (self.text(file) or "").splitlines()
        return [line.split(":") for line in lines if line.count(":") >= 3]

    def mount_of(self, directory: Path) -> Mount | None:
        """Return the file system that holds `directory`: the longest mount point above it."""
        above = {}
        target = directory.resolve()
        for line in (self.text("/proc/mounts") or "").splitlines():
            fields = line.split()
            if len(fields) > 3:
                place = Path(fields[1].replace("\\040", " "))
                if place == target or place in target.parents:
                    # A later mount at the same place hides an earlier one.
                    above[place] = Mount(fields[0], "ro" in fields[3].split(","))
        return above[max(above, key=lambda place: len(place.parts))] if above else None

    def card_wear(self, device: str) -> int | None:
        """Return the used life of an eMMC in tenths, 11 for exceeded; None if not reported.

        SD cards do not report it. `device` is a mounted device, such as /dev/mmcblk0p2.
        """
        disk = device.removeprefix("/dev/").partition("p")[0]
        content = self.text(f"/sys/block/{disk}/device/life_time")
        try:
            return max(int(word, 16) for word in (content or "").split())
        except ValueError:
            return None

    def pin_owners(self, chip: str) -> dict[int, str]:
        """Return the pins of the chip that a driver uses for a bus; empty unless run as root.

        Parses lines such as `pin 14 (gpio14): fe201000.serial (GPIO UNCLAIMED) function alt0 ...`.
        """
        owners = {}
        pins = self._pins_in_use() if self._pins is None else self._pins
        for controller, text in pins.items():
            if not controller.endswith(chip):
                continue
            for line in text.splitlines():
                head, _, rest = line.partition("): ")
                name = head.partition("(")[2]
                owner = rest.partition(" (")[0].strip()
                if name.startswith("gpio") and name[4:].isdecimal() and owner and "(" not in owner:
                    owners[int(name[4:])] = owner
        return owners

    def _pins_in_use(self) -> dict[str, str]:
        """The kernel's table of pins by pin controller; empty unless run as root."""
        tables = {}
        for path in sorted(self.path("/sys/kernel/debug/pinctrl").glob("*/pinmux-pins")):
            with suppress(OSError):
                tables[path.parent.name] = path.read_text(encoding="utf-8")
        return tables

    def free_bytes(self, directory: Path) -> int | None:
        """Return the free bytes on the file system of `directory`; None if unknown."""
        try:
            return shutil.disk_usage(directory).free
        except OSError:
            return None
