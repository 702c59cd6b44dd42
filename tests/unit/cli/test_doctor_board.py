"""What the doctor says of a board, on the files that a Raspberry Pi shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import doctor
from gateway.cli.doctor.board import board_findings, has_line
from gateway.cli.doctor.findings import Finding, Grade
from gateway.cli.doctor.machine import disk_findings, machine_findings
from gateway.commands.provisioning import initialise
from gateway.hardware.boards.chips import Chip, Chips
from gateway.hardware.boards.profiles import load_profile
from gateway.host.machine import MachineFiles
from gateway.settings import SITE_FILE, SiteFile
from tests.demo_site import DEMO

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CHIPS = Chips((Chip("/dev/gpiochip0", "pinctrl-bcm2711", {}),))
PI4 = "Raspberry Pi 4 Model B Rev 1.4"
CONFIG = "/boot/firmware/config.txt"

HEALTHY = {
    "/proc/device-tree/model": PI4 + "\0",
    "/proc/cmdline": "console=serial0,115200 console=tty1 root=PARTUUID=1",
    "/proc/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0",
    CONFIG: "# a comment\ndtparam=watchdog=on,strict_gpiod\n",
    "/sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "/sys/class/rtc/rtc0/name": "rtc-ds1307 1-0068",
    "/sys/class/watchdog/watchdog0/state": "active\n",
    "/sys/class/watchdog/watchdog0/timeout": "10\n",
    "/sys/class/tty/console/active": "tty1\n",
}
"""Files of a Pi 4 on which nothing is wrong."""


class Board:
    """A machine made of files, and the site that it is to serve."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.board = "pi4"
        self.chips = CHIPS
        self.running = False
        self.hats: tuple[str, ...] = ()
        self.door: dict[str, Any] = {}
        self.tables: dict[str, Any] = {}
        for name, text in HEALTHY.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def remove(self, name: str) -> None:
        (self.root / name.lstrip("/")).unlink()

    def link(self, name: str, target: str) -> None:
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    @property
    def site(self) -> SiteFile:
        head = {"name": "S", "timezone": "UTC", "board": self.board, "hats": self.hats}
        strike = {"pin": 17, "locked": "low", "unlocked": "high"}
        door = {"id": 1, "name": "front", "egress": "mechanical", "strike": strike, **self.door}
        return SiteFile.model_validate({"site": head, "door": [door], **self.tables})

    def found(self, grade: Grade | None = None, now: datetime = NOW) -> list[Finding]:
        profile = load_profile(self.board)
        machine = MachineFiles(self.root)
        found = [
            *board_findings(profile, self.site, machine, self.chips, running=self.running),
            *machine_findings(profile, self.site, machine, now),
        ]
        return [it for it in found if grade is None or it.grade is grade]

    def only(self, grade: Grade, now: datetime = NOW) -> Finding:
        """The one finding that is not ok."""
        (found,) = [it for it in self.found(now=now) if it.grade is not Grade.OK]
        assert found.grade is grade
        return found


@pytest.fixture
def pi(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_nothing_is_wrong_with_a_healthy_board(pi: Board) -> None:
    assert {it.grade for it in pi.found()} == {Grade.OK}
    subjects = {it.subject for it in pi.found()}
    assert {"board", "GPIO chip", "supply", "battery clock", "watchdog"} <= subjects


def test_another_board_than_the_site_files_fails_and_says_what_to_write(pi: Board) -> None:
    pi.write("/proc/device-tree/model", "Raspberry Pi 3 Model B Plus Rev 1.3\0")
    found = pi.only(Grade.FAIL)
    assert found.subject == "board"
    assert 'set board = "pi3" under [site]' in found.text


def test_a_board_without_a_profile_fails(pi: Board) -> None:
    pi.write("/proc/device-tree/model", "Raspberry Pi 400 Rev 1.0\0")
    assert "has no profile" in pi.only(Grade.FAIL).text


def test_a_machine_that_is_no_pi_is_warned_of(pi: Board) -> None:
    pi.remove("/proc/device-tree/model")
    assert "no device tree" in pi.only(Grade.WARN).text


def test_a_chip_that_is_not_there_fails_with_those_found(pi: Board) -> None:
    pi.chips = Chips((Chip("/dev/gpiochip4", "pinctrl-rp1", {}),))
    found = pi.only(Grade.FAIL)
    assert "'pinctrl-bcm2711' (found: /dev/gpiochip4 is pinctrl-rp1)" in found.text


def test_chips_that_may_not_be_opened_are_named(pi: Board) -> None:
    pi.chips = Chips(refused=("/dev/gpiochip0: Permission denied",))
    assert "/dev/gpiochip0: Permission denied; run this with sudo" in pi.only(Grade.FAIL).text


def test_a_missing_library_is_said_and_no_more(pi: Board) -> None:
    pi.chips = Chips(looked=False)
    assert "gpiod is not installed" in pi.only(Grade.WARN).text


def test_a_pin_that_somebody_else_holds_fails_unless_it_is_the_controller(pi: Board) -> None:
    pi.chips = Chips((Chip("/dev/gpiochip0", "pinctrl-bcm2711", {17: "fan", 5: "other"}),))
    found = pi.only(Grade.FAIL)
    assert found.subject == "door 'front' strike"
    assert "pin 17 is in use by 'fan'" in found.text
    pi.running = True
    assert pi.found(Grade.FAIL) == []


def test_a_pin_that_a_driver_has_taken_for_a_bus_fails(pi: Board) -> None:
    pi.write(
        "/sys/kernel/debug/pinctrl/fe200000.gpio-pinctrl-bcm2711/pinmux-pins",
        "Pinmux settings per pin\n"
        "pin 16 (gpio16): (MUX UNCLAIMED) (GPIO UNCLAIMED)\n"
        "pin 17 (gpio17): fe201000.serial (GPIO UNCLAIMED) function alt3 group gpio17\n",
    )
    assert "fe201000.serial uses pin 17" in pi.only(Grade.FAIL).text


def test_pins_of_another_chip_are_not_mistaken_for_the_headers(pi: Board) -> None:
    pi.write(
        "/sys/kernel/debug/pinctrl/107d504100.pinctrl-bcm2712/pinmux-pins",
        "pin 17 (gpio17): 107d001000.serial (GPIO UNCLAIMED) function alt3 group gpio17\n",
    )
    assert pi.found(Grade.FAIL) == []


def test_a_bus_that_config_txt_switches_on_over_a_pin_is_warned_of(pi: Board) -> None:
    pi.write(CONFIG, "dtparam=strict_gpiod\n[pi5]\ndtparam=spi=on\n")
    pi.tables = {"zone": [{"number": 1, "pin": 9}]}
    assert pi.found(Grade.WARN) == []
    pi.write(CONFIG, "dtparam=strict_gpiod\n[pi4]\ndtparam=i2c_arm=on,spi=on\n[all]\n")
    found = pi.only(Grade.WARN)
    assert found.subject == "zone 1"
    assert "pin 9 belongs to SPI0, which `dtparam=spi=on`" in found.text


def test_a_module_that_lacks_its_line_in_config_txt_is_warned_of(pi: Board) -> None:
    pi.hats = ("rtc-ds3231",)
    texts = [it.text for it in pi.found(Grade.WARN)]
    assert [text.partition(" in ")[0] for text in texts] == [
        "needs `dtparam=i2c_arm=on`",
        "needs `dtoverlay=i2c-rtc,ds3231`",
    ]
    pi.write(CONFIG, "dtparam=strict_gpiod,i2c_arm=on\ndtoverlay=i2c-rtc,ds3231,wakeup-source\n")
    assert pi.found(Grade.WARN) == []


def test_the_old_place_of_config_txt_is_read_where_there_is_no_new_one(pi: Board) -> None:
    pi.remove(CONFIG)
    assert "cannot be read" in pi.found(Grade.WARN)[0].text
    pi.write("/boot/config.txt", "dtparam=strict_gpiod\n")
    assert pi.found(Grade.WARN) == []


@pytest.mark.parametrize(
    ("lines", "wanted", "is_there"),
    [
        (["dtparam=spi=on"], "dtparam=spi=on", True),
        (["dtparam=spi"], "dtparam=spi=on", True),
        (["dtparam=spi=on", "dtparam=spi=off"], "dtparam=spi=on", False),
        (["dtparam=i2c=on,spi=on"], "dtparam=spi=on", True),
        (["enable_uart=1"], "enable_uart=1", True),
        (["enable_uart=0"], "enable_uart=1", False),
        (["dtoverlay=w1-gpio,gpiopin=4"], "dtoverlay=w1-gpio", True),
        (["dtoverlay=w1-gpio-pullup"], "dtoverlay=w1-gpio", False),
        ([], "dtoverlay=w1-gpio", False),
    ],
)
def test_lines_of_config_txt_are_read_as_the_firmware_does(
    lines: list[str], wanted: str, *, is_there: bool
) -> None:
    assert has_line(lines, wanted) is is_there


def test_outputs_that_outlive_the_controller_are_warned_of(pi: Board) -> None:
    pi.write(CONFIG, "")
    assert "`dtparam=strict_gpiod`" in pi.only(Grade.WARN).text


def test_the_kernel_is_believed_before_config_txt(pi: Board) -> None:
    pi.write("/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs", "Y\n")
    assert pi.only(Grade.WARN).subject == "end of the controller"
    pi.write(CONFIG, "")
    pi.write("/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs", "N\n")
    assert pi.found(Grade.WARN) == []


def test_a_stop_that_the_pull_would_undo_is_warned_of(pi: Board) -> None:
    pi.door = {"on_stop": "unlocked"}
    found = pi.only(Grade.WARN)
    assert "its pull takes pin 17 to low, not unlocked" in found.text
    pi.write(CONFIG, "")
    assert pi.found(Grade.WARN) == []


@pytest.mark.parametrize(
    ("bits", "grade", "subject", "word"),
    [
        ("50005", Grade.FAIL, "supply", "too low now"),
        ("10000", Grade.WARN, "supply", "since the start"),
        ("40000", Grade.WARN, "heat", "was slowed down"),
        ("8", Grade.WARN, "heat", "is slowed down"),
    ],
)
def test_low_voltage_and_heat_are_told_with_a_cure(
    pi: Board, bits: str, grade: Grade, subject: str, word: str
) -> None:
    pi.write("/sys/devices/platform/soc/soc:firmware/get_throttled", bits)
    told = [it for it in pi.found() if it.subject == subject]
    assert [it.grade for it in told] == [grade]
    assert word in told[0].text


@pytest.mark.parametrize("text", ["", "what?"])
def test_nonsense_from_the_firmware_is_left_aside(pi: Board, text: str) -> None:
    pi.write("/sys/devices/platform/soc/soc:firmware/get_throttled", text)
    assert [it for it in pi.found() if it.subject == "supply"] == []


def test_a_board_without_a_battery_clock_is_warned_of(pi: Board) -> None:
    pi.remove("/sys/class/rtc/rtc0/name")
    assert [it.subject for it in pi.found(Grade.WARN)] == ["battery clock", "clock"]
    pi.write("/run/systemd/timesync/synchronized", "")
    assert "`dtoverlay=i2c-rtc,ds3231`" in pi.only(Grade.WARN).text


def test_a_clock_from_before_this_software_fails(pi: Board) -> None:
    assert pi.only(Grade.FAIL, datetime(1970, 1, 1, tzinfo=UTC)).subject == "clock"


def test_a_pi_5_whose_own_clock_is_missing_is_told_of_its_kernel(pi: Board) -> None:
    pi.board = "pi5"
    pi.write("/proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    pi.chips = Chips((Chip("/dev/gpiochip0", "pinctrl-rp1", {}),))
    assert pi.found(Grade.WARN) == []
    pi.remove("/sys/class/rtc/rtc0/name")
    pi.write("/run/systemd/timesync/synchronized", "")
    assert "the kernel does not list it" in pi.only(Grade.WARN).text


@pytest.mark.parametrize(
    ("state", "timeout", "word"),
    [("inactive", "10", "RuntimeWatchdogSec=10"), ("active", "60", "its timeout is 60 s")],
)
def test_a_watchdog_that_does_not_watch_is_warned_of(
    pi: Board, state: str, timeout: str, word: str
) -> None:
    pi.write("/sys/class/watchdog/watchdog0/state", state)
    pi.write("/sys/class/watchdog/watchdog0/timeout", timeout)
    assert word in pi.only(Grade.WARN).text


def test_a_board_without_a_watchdog_is_warned_of(pi: Board) -> None:
    pi.remove("/sys/class/watchdog/watchdog0/state")
    assert "`dtparam=watchdog=on`" in pi.only(Grade.WARN).text


# The whole examination


def never() -> Chips:
    raise AssertionError("a simulated board has no chip")


def test_a_simulated_board_is_asked_nothing_that_only_a_pi_has(tmp_path: Path) -> None:
    initialise(tmp_path / "data", DEMO, demo=True)
    found = list(doctor.examine(tmp_path / "data", MachineFiles(tmp_path / "nothing"), never))
    assert [it for it in found if it.grade is Grade.FAIL] == []
    assert "disk" in {it.subject for it in found}


def test_a_real_board_is_part_of_the_examination(pi: Board, tmp_path: Path) -> None:
    text = DEMO.replace('"simulated"', '"pi4"', 1).replace('"simulated"', '"/dev/ttyS0"')
    initialise(tmp_path / "data", text, demo=True)
    chips = Chips((Chip("/dev/gpiochip0", "pinctrl-bcm2711", {17: "fan"}),))
    found = list(doctor.examine(tmp_path / "data", MachineFiles(pi.root), lambda: chips, bool))
    failed = {it.subject for it in found if it.grade is Grade.FAIL}
    assert failed == {"door 'front' strike", "reader qr"}


def test_a_package_without_which_run_does_not_start_is_told_in_its_words(
    pi: Board, tmp_path: Path
) -> None:
    text = DEMO.replace('"simulated"', '"pi4"', 1).replace('"simulated"', '"/dev/ttyS0"')
    initialise(tmp_path / "data", text, demo=True)
    found = doctor.examine(tmp_path / "data", MachineFiles(pi.root), lambda: CHIPS, lambda _: None)
    failed = [it.text for it in found if it.grade is Grade.FAIL and it.subject == "board"]
    assert len(failed) == 1
    assert "needs the Python package gpiod (>=" in failed[0]
    assert "`pip install 'gpiod>=" in failed[0]


def test_the_relay_boards_level_tells_a_strike_from_a_magnet(tmp_path: Path) -> None:
    text = DEMO.replace('egress = "mechanical"     #', 'egress = "software" #')
    text = (
        text.replace('hats = ["generic-relay-high"]', "")
        .replace(
            'lock = { pin = 17, kind = "strike"',
            'lock = { pin = 17, locked = "high", unlocked = "low"',
        )
        .replace('pin = 18, kind = "strike"', 'pin = 18, locked = "low", unlocked = "high"')
    )
    initialise(tmp_path / "data", text, demo=True)

    def failed() -> set[str]:
        found = doctor.examine(tmp_path / "data", MachineFiles(tmp_path / "nothing"), never)
        return {it.subject for it in found if it.grade is Grade.FAIL}

    assert failed() == {"door front"}
    named = text.replace('board = "simulated"', 'board = "simulated"\nhats = ["generic-relay-low"]')
    (tmp_path / "data" / SITE_FILE).write_text(named)
    assert failed() == set()


# Ports


@pytest.fixture
def reads(pi: Board) -> Callable[[str], None]:
    """Hang a reader on a port, owned by nobody that the controller is."""
    pi.write("/etc/passwd", "root:x:0:0::/:\ngateway-controller:x:990:991::/:\n")
    group = os.getgid()
    pi.write("/etc/group", f"gateway:x:991:\nwires:x:{group}:somebody,gateway-controller\n")

    def hang(port: str) -> None:
        reader = {"name": "qr", "index": 1, "portal": 1, "kind": "serial_qr", "port": port}
        pi.tables = {"reader": [reader]}

    return hang


def device(pi: Board, name: str, mode: int = 0o660) -> None:
    pi.write(f"/dev/{name}", "").chmod(mode)


def test_a_port_by_a_lasting_name_is_well(pi: Board, reads: Callable[[str], None]) -> None:
    device(pi, "ttyUSB0")
    pi.link("/dev/serial/by-id/usb-reader", "../../ttyUSB0")
    reads("/dev/serial/by-id/usb-reader")
    assert {it.grade for it in pi.found()} == {Grade.OK}


def test_a_port_that_is_not_there_fails_with_those_there(
    pi: Board, reads: Callable[[str], None]
) -> None:
    reads("/dev/serial/by-id/usb-reader")
    assert "none is plugged in" in pi.only(Grade.FAIL).text
    device(pi, "ttyUSB0")
    pi.link("/dev/serial/by-id/usb-other", "../../ttyUSB0")
    found = pi.only(Grade.FAIL)
    assert found.subject == "reader qr"
    assert "by lasting names: /dev/serial/by-id/usb-other" in found.text


def test_a_port_of_the_header_that_is_not_there_names_its_line(
    pi: Board, reads: Callable[[str], None]
) -> None:
    reads("/dev/ttyAMA0")
    text = pi.only(Grade.FAIL).text
    assert f"it needs `enable_uart=1` and `dtoverlay=disable-bt` in {CONFIG}" in text


def test_a_port_that_the_controller_may_not_open_fails(
    pi: Board, reads: Callable[[str], None]
) -> None:
    device(pi, "ttyAMA0", 0o640)
    reads("/dev/ttyAMA0")
    found = pi.only(Grade.FAIL)
    assert "gateway-controller may not open /dev/ttyAMA0" in found.text
    assert "udev/60-gateway.rules" in found.text


def test_a_group_helps_its_members_alone(pi: Board, reads: Callable[[str], None]) -> None:
    device(pi, "ttyAMA0", 0o660)
    reads("/dev/ttyAMA0")
    assert pi.found(Grade.FAIL) == []
    pi.write("/etc/group", f"gateway:x:991:\nwires:x:{os.getgid()}:somebody\n")
    assert "gateway-controller may not open /dev/ttyAMA0" in pi.only(Grade.FAIL).text


def test_a_chip_that_the_controller_may_not_open_fails(
    pi: Board, reads: Callable[[str], None]
) -> None:
    reads("socket://127.0.0.1:4000")
    device(pi, "gpiochip0", 0o600)
    assert pi.only(Grade.FAIL).subject == "/dev/gpiochip0"


def test_a_port_with_the_systems_console_fails(pi: Board, reads: Callable[[str], None]) -> None:
    device(pi, "ttyS0")
    pi.link("/dev/serial0", "ttyS0")
    reads("/dev/serial0")
    assert "raspi-config" in pi.only(Grade.FAIL).text
    pi.write("/proc/cmdline", "console=tty1")
    assert pi.found(Grade.FAIL) == []
    pi.write("/sys/class/tty/console/active", "tty1 ttyS0")
    assert pi.only(Grade.FAIL).subject == "reader qr"


def test_a_port_whose_number_changes_is_warned_of_with_its_lasting_name(
    pi: Board, reads: Callable[[str], None]
) -> None:
    device(pi, "ttyUSB1")
    device(pi, "ttyUSB0")
    pi.link("/dev/serial/by-id/usb-reader", "../../ttyUSB1")
    pi.link("/dev/serial/by-id/usb-other", "../../ttyUSB0")
    reads("/dev/ttyUSB1")
    assert pi.only(Grade.WARN).text.endswith("use /dev/serial/by-id/usb-reader")


def test_a_keyboard_reader_by_its_number_is_warned_of_with_its_lasting_name(
    pi: Board, reads: Callable[[str], None]
) -> None:
    reads("unused")
    reader = {"name": "qr", "index": 1, "portal": 1, "kind": "hid"}
    device(pi, "input/event3")
    pi.link("/dev/input/by-id/usb-scanner-event-kbd", "../event3")
    pi.link("/dev/serial/by-id/usb-other", "../../ttyUSB0")
    pi.tables = {"reader": [{**reader, "device": "/dev/input/event3"}]}
    assert pi.only(Grade.WARN).text.endswith("use /dev/input/by-id/usb-scanner-event-kbd")
    pi.tables = {"reader": [{**reader, "device": "/dev/input/by-id/other"}]}
    found = pi.only(Grade.FAIL)
    assert found.text.endswith("by lasting names: /dev/input/by-id/usb-scanner-event-kbd")


# Disk


class Disk(MachineFiles):
    """A machine whose disk has as much room as a test says."""

    free = 8 << 30

    def free_bytes(self, directory: Path) -> int | None:
        del directory
        return self.free


def disk(pi: Board, free: int = 8 << 30) -> list[tuple[Grade, str]]:
    machine = Disk(pi.root)
    machine.free = free
    return [(it.grade, it.text) for it in disk_findings(Path("/var/lib/gateway"), machine)]


@pytest.mark.parametrize(
    ("free", "grade"),
    [(256 << 20, Grade.OK), ((256 << 20) - 1, Grade.WARN), ((1 << 20) - 1, Grade.FAIL)],
)
def test_a_disk_that_fills_up_is_told(pi: Board, free: int, grade: Grade) -> None:
    assert [found for found, _ in disk(pi, free)] == [grade]


def test_a_read_only_disk_fails_and_others_do_not_matter(pi: Board) -> None:
    pi.write("/proc/mounts", "/dev/sda / ext4 rw 0 0\n/dev/sdb /var/lib ext4 ro,sync 0 0\n")
    assert [grade for grade, _ in disk(pi)] == [Grade.FAIL]
    pi.write("/proc/mounts", "/dev/sda / ext4 rw 0 0\n/dev/sdb /var/library ext4 ro,sync 0 0\n")
    assert [grade for grade, _ in disk(pi)] == [Grade.OK]


def test_a_worn_emmc_is_warned_of(pi: Board) -> None:
    life = "/sys/block/mmcblk0/device/life_time"
    pi.write(life, "0x02 0x08\n")
    assert [grade for grade, _ in disk(pi)] == [Grade.OK]
    pi.write(life, "0x09 0x01\n")
    assert [grade for grade, _ in disk(pi)] == [Grade.OK, Grade.WARN]
    assert "90 % of its life" in disk(pi)[1][1]
