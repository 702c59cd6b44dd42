"""The udev rules: a grammar check of our own, and udev's where it has one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.cli.device_rules import RULES_FILE, rules_of
from gateway.settings import parse_site

# Keys and operators of udev(7) that our rules use; anything else is a typing error, or new here.
MATCHES = {"SUBSYSTEM", "KERNEL", "ATTR", "SYMLINK"}
ASSIGNMENTS = {"GROUP", "MODE", "ENV"}
SITE_WITH_A_SCANNER = """
[site]
name = "Shop"
timezone = "Europe/Lisbon"
board = "simulated"

[[reader]]
name = "qr"
index = 1
kind = "hid"
portal = 1
device = "/dev/input/by-id/usb-Maker_Scanner_0001-event-kbd"
"""
TERM = re.compile(
    r'(?P<key>[A-Z]+)(\{(?P<of>\w+)\})?(?P<operator>==|!=|:=|\+=|=)"(?P<value>[^"]*)"'
)


class Term(NamedTuple):
    key: str
    of: str | None
    operator: str
    value: str


def parse(text: str) -> list[list[Term]]:
    """Each rule as its terms. Raises ValueError naming the line that is not a rule."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        rule = []
        for part in line.split(", "):
            found = TERM.fullmatch(part)
            if found is None:
                raise ValueError(f"line {number}: {part}")
            term = Term(found["key"], found["of"], found["operator"], found["value"])
            allowed = MATCHES if term.operator in {"==", "!="} else ASSIGNMENTS
            if term.key not in allowed:
                raise ValueError(f"line {number}: {term.key}{term.operator}")
            rule.append(term)
        rules.append(rule)
    return rules


@pytest.fixture
def path(root: Path) -> Path:
    return root / "udev/60-gateway.rules"


@pytest.fixture
def rules(path: Path) -> list[list[Term]]:
    return parse(path.read_text())


def test_each_rule_matches_devices_first_and_then_assigns(rules: list[list[Term]]) -> None:
    assert rules
    for rule in rules:
        matching = [term.operator in {"==", "!="} for term in rule]
        assert matching == sorted(matching, reverse=True)
        assert True in matching
        assert False in matching
        assert ("SUBSYSTEM", "==") in {(term.key, term.operator) for term in rule}


def test_a_mode_never_lets_others_in(rules: list[list[Term]]) -> None:
    modes = [term.value for rule in rules for term in rule if term.key == "MODE"]
    assert modes
    assert {int(mode, 8) & 0o7 for mode in modes} == {0}


def test_the_devices_go_to_the_controllers_own_group(rules: list[list[Term]], root: Path) -> None:
    groups = {(term.operator, term.value) for rule in rules for term in rule if term.key == "GROUP"}
    assert groups == {(":=", "gateway-controller")}
    users = (root / "systemd/sysusers.d/gateway.conf").read_text()
    assert re.search(r"^u gateway-controller ", users, re.MULTILINE)
    assert not re.search(r"^m gateway-api +gateway-controller", users, re.MULTILINE)


@pytest.mark.parametrize(
    "broken",
    [
        'SUBSYSTEM="gpio", GROUP:="x"',
        'SUBSYSTEM=="gpio" GROUP:="x"',
        'SUBSYTEM=="gpio", GROUP:="x"',
        'SUBSYSTEM=="gpio", GROUP=="x"',
        'SUBSYSTEM=="gpio, GROUP:="x"',
    ],
)
def test_the_grammar_check_finds(broken: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        parse(broken)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def verify() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """udev's own check, by the machine's udevadm or by the one that the set-up unpacked."""
    beside = Path(sys.executable).with_name("udevadm-verify")
    udevadm = str(beside) if beside.exists() else shutil.which("udevadm")
    if udevadm is None:
        pytest.skip("udevadm is not installed (Debian package udev)")
    if "verify" not in run(udevadm, "--help").stdout:
        pytest.skip("this udevadm has no verify (it came with 254), and no other was to be had")
    return lambda rules: run(udevadm, "verify", "--resolve-names=never", str(rules))


def test_udev_itself_accepts_the_rules(
    path: Path, verify: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    answer = verify(path)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_udev_itself_accepts_the_rule_of_a_reader(
    tmp_path: Path, verify: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    text = rules_of(parse_site(SITE_WITH_A_SCANNER, "site"))
    rules = tmp_path / RULES_FILE.name
    rules.write_text(text)
    answer = verify(rules)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    # The grammar check needs no udev, and holds on every machine.
    assert len(parse(text)) == 1
    rules.write_text(text.replace("SUBSYSTEM==", "SUBSYTEM=="))
    assert verify(rules).returncode != 0
