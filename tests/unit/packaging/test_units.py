"""The systemd units, checked by systemd's own tools."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = ["gateway-controller.service", "gateway-api.service"]
RELAYS = "gateway-relays.service"
HELPER, HELPER_SOCKET = "gateway-system.service", "gateway-system.socket"

# What systemd-analyze still holds against each unit, by its own names, and why it stays. A point
# that is not here fails, and so does one that is here and gone.
SHARED = {
    "RestrictAddressFamilies_AF_UNIX": "the two processes and the service manager are reached so",
    "ProcSubset": "boot id, board and load are in /proc",
    "PrivateUsers": "who may do what with the other's files rests on real groups",
    "DeviceAllow": "/dev/rtc, which ProtectClock= lets be read; else what the comments name",
}
TWO_USERS = {
    "RootDirectoryOrRootImage": "the interpreter is the system's; a copy would miss its updates",
    "UMask": "the files of either are read, its sockets used, by the other's group",
}
HARDWARE = {"PrivateDevices": "it would hide the GPIO chips; DevicePolicy=closed stands for it"}
REMAINING = {
    "gateway-controller.service": {
        **SHARED,
        **TWO_USERS,
        **HARDWARE,
        "PrivateTmp": "it needs the disk; two file systems in memory stand for it",
        "RestrictRealtime": "the thread that takes edges may ask for a real-time priority",
        "SystemCallFilter_resources": "of the whole group, sched_setscheduler, for the same",
    },
    "gateway-api.service": {
        **SHARED,
        **TWO_USERS,
        "AmbientCapabilities": "ports 80 and 443",
        "CapabilityBoundingSet_CAP_NET_BIND_SERVICE_BROADCAST_RAW": "the same",
        "RestrictAddressFamilies_AF_INET_INET6": "it serves the network",
        "PrivateNetwork": "it serves the network",
        "IPAddressDeny": "its clients are wherever the site has them",
    },
    HELPER: {
        "RestrictAddressFamilies_AF_UNIX": "its socket and the system bus",
        "DeviceAllow": SHARED["DeviceAllow"],
        "RootDirectoryOrRootImage": TWO_USERS["RootDirectoryOrRootImage"],
    },
    RELAYS: {
        **SHARED,
        **HARDWARE,
        "UserOrDynamicUser": "it runs before udev gives the chips to a user; no capability",
    },
}
LIMITS = {"gateway-controller.service": 1.5, "gateway-api.service": 2.0, RELAYS: 1.5, HELPER: 1.0}
ALL = [*UNITS, RELAYS, HELPER, HELPER_SOCKET, "gateway.target"]


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package systemd)")
    return found


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    # Without --recursive-errors, unknown keys are a warning with exit status 0.
    return subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )


def options(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def copy_of(name: str, root: Path, tmp_path: Path) -> Path:
    """A copy of a unit whose programs exist on this machine, as the real ones do on a device."""
    text = (root / "systemd" / name).read_text()
    copy = tmp_path / name
    copy.write_text(text.replace("/opt/gateway/bin/gateway", "/bin/true"))
    return copy


@pytest.fixture(params=UNITS)
def unit(root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return copy_of(request.param, root, tmp_path)


@pytest.fixture(params=[*UNITS, RELAYS, HELPER])
def sandboxed(root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return copy_of(request.param, root, tmp_path)


@pytest.mark.parametrize("name", ALL)
def test_systemd_accepts_the_unit_without_a_word(name: str, root: Path, tmp_path: Path) -> None:
    for other in ALL:
        copy_of(other, root, tmp_path)
    answer = verify(tmp_path / name)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_systemds_check_would_find_a_misspelt_key(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    answer = verify(unit)
    assert answer.returncode != 0
    assert "WatchdogSecs" in answer.stderr


def security(unit: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", *options, str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_unit_is_exposed_little(sandboxed: Path) -> None:
    threshold = round(LIMITS[sandboxed.name] * 10)
    answer = security(sandboxed, f"--threshold={threshold}")
    assert answer.returncode == 0, answer.stdout[-500:] + answer.stderr


def test_each_point_of_exposure_that_remains_has_its_reason(sandboxed: Path) -> None:
    points = json.loads(security(sandboxed, "--json=short").stdout)
    # systemd 252 writes one of its names with a bracket too many.
    found = {p["json_field"].rstrip(")") for p in points if float(p["exposure"] or 0) > 0}
    assert found == set(REMAINING[sandboxed.name])


def test_a_unit_without_its_walls_would_be_found_exposed(unit: Path) -> None:
    walls = r"^(SystemCallFilter|CapabilityBoundingSet|Protect\w+)=.*\n"
    unit.write_text(re.sub(walls, "", unit.read_text(), flags=re.MULTILINE))
    threshold = round(LIMITS[unit.name] * 10)
    assert security(unit, f"--threshold={threshold}").returncode != 0


def test_the_unit_is_watched_and_always_comes_back(unit: Path) -> None:
    text = unit.read_text()
    assert options(text, "Type") == ["notify"]
    assert options(text, "WatchdogSec") == ["30"]
    assert options(text, "Restart") == ["always"]
    assert options(text, "StartLimitIntervalSec") == ["0"]


def test_the_controller_has_the_devices_and_no_network(root: Path) -> None:
    text = (root / "systemd/gateway-controller.service").read_text()
    assert options(text, "RestrictAddressFamilies") == ["AF_UNIX"]
    assert options(text, "PrivateNetwork") == ["yes"]
    assert options(text, "CapabilityBoundingSet") == [""]
    assert "char-gpiochip rw" in options(text, "DeviceAllow")


def test_the_api_has_the_network_and_no_devices(root: Path) -> None:
    text = (root / "systemd/gateway-api.service").read_text()
    assert options(text, "PrivateDevices") == ["yes"]
    assert options(text, "DeviceAllow") == []
    assert options(text, "CapabilityBoundingSet") == ["CAP_NET_BIND_SERVICE"]
    assert "/var/lib/gateway" not in options(text, "ReadWritePaths")[0].split()


def test_neither_process_waits_for_the_other_to_live(root: Path) -> None:
    for name in UNITS:
        text = (root / "systemd" / name).read_text()
        for key in ("Requires", "Requisite", "BindsTo"):
            assert options(text, key) == []
        assert not any("gateway" in unit for unit in options(text, "After"))


def test_both_are_stopped_with_the_target_and_started_by_it(root: Path) -> None:
    for name in UNITS:
        text = (root / "systemd" / name).read_text()
        assert options(text, "PartOf") == ["gateway.target"]
        assert options(text, "WantedBy") == ["gateway.target"]
    target = (root / "systemd/gateway.target").read_text()
    assert options(target, "WantedBy") == ["multi-user.target"]


def test_what_the_apis_user_leaves_keeps_neither_from_starting(root: Path) -> None:
    for name in UNITS:
        text = (root / "systemd" / name).read_text()
        root_s = [it for key in ("ExecStartPre", "ExecStopPost") for it in options(text, key)]
        assert [it for it in root_s if "tmpfiles" in it]
        assert all(it.startswith("-+") for it in root_s if "tmpfiles" in it)


def test_the_apis_user_can_fill_no_file_system_that_the_controller_starts_from(root: Path) -> None:
    controller = (root / "systemd/gateway-controller.service").read_text()
    assert options(controller, "PrivateTmp") == []
    for temporary in options(controller, "TemporaryFileSystem")[0].split():
        assert "nr_inodes" in temporary
        assert "mode=1777" in temporary  # otherwise root's alone, and the controller does not start
    api = (root / "systemd/gateway-api.service").read_text()
    assert not any(it.startswith("/run") for it in options(api, "ReadWritePaths")[0].split())
    made = (root / "systemd/tmpfiles.d/gateway.conf").read_text()
    assert [line.split() for line in made.splitlines() if line.startswith("d /run")] == [
        ["d", "/run/gateway", "0750", "gateway-controller", "gateway"]
    ]


def test_the_apis_user_has_a_bounded_share_of_the_machine(root: Path) -> None:
    for name in ("gateway-api.service", HELPER):
        text = (root / "systemd" / name).read_text()
        assert options(text, "MemoryMax")
        assert options(text, "TasksMax")
    assert options((root / "systemd/gateway-api.service").read_text(), "LogRateLimitBurst")


def test_the_relays_are_put_before_anything_else_after_the_controller_ended(root: Path) -> None:
    text = (root / "systemd/gateway-controller.service").read_text()
    first = options(text, "ExecStopPost")[0]
    assert first == "/opt/gateway/bin/gateway safe-relays --data /var/lib/gateway"


def test_the_relays_at_boot_wait_for_nothing_and_nothing_but_the_controller_for_them(
    root: Path,
) -> None:
    text = (root / "systemd" / RELAYS).read_text()
    assert options(text, "DefaultDependencies") == ["no"]
    assert options(text, "After") == options(text, "Requires") == []
    assert options(text, "Before") == ["gateway-controller.service shutdown.target"]
    assert options(text, "ExecStart")[0].endswith("--on start")


def test_the_controller_has_ten_times_the_share_of_the_api(root: Path) -> None:
    # Nice= counts only within a service where the kernel groups processes by session.
    controller = (root / "systemd/gateway-controller.service").read_text()
    assert options(controller, "CPUWeight") == ["1000"]
    api = (root / "systemd/gateway-api.service").read_text()
    assert options(api, "CPUWeight") == options(api, "Nice") == []


def test_only_the_thread_of_the_edges_may_become_a_real_time_one(root: Path) -> None:
    controller = (root / "systemd/gateway-controller.service").read_text()
    assert options(controller, "LimitRTPRIO") == ["10"]
    assert options(controller, "SystemCallFilter")[-1] == "sched_setscheduler"
    api = (root / "systemd/gateway-api.service").read_text()
    assert options(api, "RestrictRealtime") == ["yes"]


def test_the_machine_is_reset_when_its_service_manager_stands_still(root: Path) -> None:
    text = (root / "systemd/system.conf.d/60-gateway-watchdog.conf").read_text()
    (seconds,) = options(text, "RuntimeWatchdogSec")
    assert 5 <= int(seconds) < 15  # what the SoC's watchdog can hold
