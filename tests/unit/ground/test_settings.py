"""The site file: every refusal names the key, what was found and what is allowed."""

from __future__ import annotations

import tomllib
from inspect import isclass
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from gateway.cli.doctor.findings import Grade
from gateway.cli.doctor.site import site_findings
from gateway.errors import SettingsError
from gateway.hardware.boards.profiles import load_profile
from gateway.settings import (
    LAST_GOOD,
    SITE_FILE,
    LockState,
    SiteFile,
    parse_site,
    read_running_site,
    read_site,
    refusals,
)
from gateway.settings.problems import read_problems
from gateway.settings.refusals import MOST_DESCRIBED
from gateway.settings.removed_keys import REMOVED_KEYS, RemovedKey
from tests.demo_site import DEMO

GOOD = """
[site]
name = "Depot"
timezone = "Europe/Berlin"
board = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
strike = { pin = 17, locked = "high", unlocked = "low" }
"""


def test_the_demo_site_is_a_good_one() -> None:
    site = parse_site(DEMO, "demo")
    assert [door.name for door in site.door] == ["front", "back"]
    assert tomllib.loads(DEMO)["site"]["name"] == site.site.name


def test_a_lock_that_power_keeps_shut_is_known_by_its_levels() -> None:
    (door,) = parse_site(GOOD, "site").door
    assert door.strike.energised_to_lock
    assert door.strike.level(LockState.LOCKED) is True
    assert door.strike.level(LockState.UNLOCKED) is False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "Depot"', ""), "site.name: missing key"),
        (("board =", 'colour = "red"\nboard ='), "site.colour: unknown key (found 'red')"),
        (
            ("board =", "access_log_capacity = 999\nboard ="),
            "site.access_log_capacity: 1000 or more is allowed (found 999)",
        ),
        (
            ("Europe/Berlin", "Berlin"),
            "site.timezone: an IANA time zone's name is needed, such as 'Europe/Berlin'",
        ),
        (("id = 1", "id = 9"), "door 'gate' id: 1 to 4 is allowed (found 9)"),
        (("pin = 17", 'pin = "x"'), "door 'gate' strike.pin: a whole number is needed (found 'x')"),
        (('unlocked = "low"', 'unlocked = "high"'), "must be different levels"),
        (('egress = "mechanical"', 'egress = "ladder"'), "'mechanical', 'direct_cut'"),
        (("[site]", "[site"), "site line 2: the closing bracket is missing"),
        (
            ('name = "gate"', 'name = "The Gate"'),
            "door 'The Gate' name: lower-case letters",
        ),
        (
            (GOOD, GOOD + GOOD.split("[[door]]")[1].join(["[[door]]", ""])),
            "site: pin 17 is used twice",
        ),
        (('id = 1\nname = "gate"', ""), "door no. 1 name: missing key; door no. 1 id: missing key"),
        (("strike = {", "strike = 17 #"), "strike: a table is needed, such as"),
        (
            ('locked = "high"', 'locked = "high", pull = "up"'),
            "door 'gate' strike.pull: unknown key",
        ),
        (
            ("[[door]]", '[servers]\nca_file = "authority.pem"\n[[door]]'),
            "servers.ca_file: an absolute path is allowed",
        ),
    ],
)
def test_a_wrong_site_is_refused_by_its_key(change: tuple[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_site(GOOD.replace(*change), "site")
    assert said in str(refused.value)


@pytest.mark.parametrize("value", ['"pins"', "17", "{ of = 1 }"])
def test_a_key_of_a_former_release_is_ignored_with_a_warning_that_names_it(value: str) -> None:
    reader = '[[reader]]\nkind = "wiegand"\nname = "front"\nindex = 1\nportal = 1\nd0 = 5\nd1 = 6\n'
    site = parse_site(f"{GOOD}{reader}edges = {value}\n", "site")
    assert site.reader == parse_site(f"{GOOD}{reader}", "site").reader
    (warning,) = site.ignored
    assert warning.startswith("reader 'front' edges: is ignored since")
    found = site_findings(site, load_profile("simulated"))
    assert warning in [it.text for it in found if it.grade is Grade.WARN]


def test_a_key_of_a_former_release_is_unknown_where_it_never_was() -> None:
    hid = (
        '[[reader]]\nkind = "hid"\nname = "desk"\nindex = 1\nportal = 1\ndevice = "/dev/hidraw0"\n'
    )
    with pytest.raises(SettingsError, match="reader 'desk' edges: unknown key"):
        parse_site(f'{GOOD}{hid}edges = "pins"\n', "site")


@pytest.mark.parametrize("removed", REMOVED_KEYS, ids=lambda it: f"{it.table}.{it.key}")
def test_no_key_is_both_removed_and_in_use(removed: RemovedKey) -> None:
    table = SiteFile.model_fields[removed.table].annotation
    models = [it for it in _models(table) if removed.kind in {None, *_kinds(it)}]
    assert models
    assert not [it for it in models if removed.key in it.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _kinds(model: type[BaseModel]) -> tuple[object, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('[[reader]]\nname="a"\nindex=1\nportal=1\nkind="wiegand"\nd0=17\nd1=5\n', "pin 17"),
        (
            '[[reader]]\nname="a"\nindex=1\nportal=1\nkind="smoke"\n',
            "reader 'a' kind: 'wiegand', ",
        ),
        (
            '[[reader]]\nname="a"\nindex=1\nportal=1\n',
            "reader 'a' kind: missing key; allowed: wiegand",
        ),
        (
            '[[reader]]\nname="a"\nindex=1\nportal=1\nkind="serial_qr"\nbaud=5\n',
            "reader 'a' port: missing key; reader 'a' baud: 300 to 921600 is .* [(]found 5[)]$",
        ),
        (
            '[[reader]]\nname="a"\nindex=1\nportal=1\nkind="wiegand"\nd0=4\nd1=5\nformats="w26"\n',
            "reader 'a' formats: a list is needed, such as .* [(]found 'w26'[)]$",
        ),
        ("[[zone]]\nnumber=1\npin=3\n[[zone]]\nnumber=1\npin=4\n", "zone number 1 is used twice"),
        ('[http]\nlisten="8080"\n', "http.listen"),
        ("[tamper]\npin=9\n", "tamper.idle: missing key"),
    ],
)
def test_every_part_of_the_file_is_checked(extra: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_site(GOOD + extra, "site")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "9" * 39_000, "line 1: a line has at most 2000 characters"),
        ("a = 0x" + "f" * 39_000, "line 1: a line has at most 2000 characters"),
        ("a = 0x" + "f" * 1_900, "a: unknown key [(]found 0?[0-9]{60}[.]{3}[)]"),
        ("a" + ".a" * 19_000 + " = 1", "line 1: a line has at most 2000 characters"),
        ("\n[a" + ".a" * 900 + "]", "line 2: too many dots"),
        ("x = '''\n" + "a=" + "[" * 1_900 + "\n'''\nb\n", "line 4: the value is missing"),
    ],
)
def test_what_nobody_writes_into_a_site_file_is_refused_by_its_line(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_site(text, "site")
    assert read_problems(text)[1]


def test_of_thousands_of_problems_the_first_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def header(table: str, _: str) -> str:
        looked.append(table)
        return ""

    monkeypatch.setattr(refusals, "_header", header)
    with pytest.raises(SettingsError, match=r"; t48: unknown key.*; and 4951 more$") as refused:
        parse_site("".join(f"[t{number}]\n" for number in range(5_000)), "site")
    # Each of these searches the whole text: all of them took the controller a minute.
    assert len(looked) == MOST_DESCRIBED
    assert len(str(refused.value)) < 20_000


def test_dots_of_addresses_and_comments_are_no_keys() -> None:
    addresses = ", ".join(f"'10.0.0.{number}'" for number in range(9))
    with pytest.raises(SettingsError, match="dns: unknown key"):
        parse_site(f"{GOOD}\ndns = [{addresses}] # {'.' * 40}\n", "site")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=SITE_FILE):
        read_site(tmp_path / SITE_FILE)


def test_a_device_at_work_goes_on_with_its_last_good_copy(tmp_path: Path) -> None:
    (tmp_path / SITE_FILE).write_text("broken", encoding="utf-8")
    with pytest.raises(SettingsError):
        read_running_site(tmp_path)
    (tmp_path / LAST_GOOD).write_text(GOOD, encoding="utf-8")
    assert read_running_site(tmp_path).site.name == "Depot"


@pytest.mark.parametrize(
    ("affix", "said"),
    [
        ({"prefix": "ÿ", "encoding": "ascii"}, "prefix 'ÿ' cannot be written in ascii"),
        ({"suffix": "$\r"}, "suffix '[$].r' holds a line end"),
    ],
)
def test_what_a_reader_cannot_send_around_a_code_is_refused(
    affix: dict[str, str], said: str
) -> None:
    reader = {"name": "a", "kind": "serial_qr", "index": 1, "portal": 1, "port": "/dev/x", **affix}
    with pytest.raises(ValueError, match=said):
        SiteFile.model_validate(
            {"site": {"name": "a", "timezone": "UTC", "board": "simulated"}, "reader": [reader]}
        )


@pytest.mark.parametrize(
    "port",
    [
        "spy:///dev/ttyUSB0?file=/var/lib/gateway/controller/journal.db",
        "SPY://loop?file=/etc/passwd",
        "/spy://loop?file=/etc/passwd",
        "alt://loop?class=PosixPollSerial",
        "hwgrep://(a+)+$",
        "cp2110://x",
        "loop://",
        "socket://127.0.0.1",
        "socket://127.0.0.1:4000?logging=debug",
        "rfc2217://host:4000/path",
    ],
)
def test_a_port_is_a_device_or_a_serial_server_and_writes_to_no_file(port: str) -> None:
    reader = '[[reader]]\nname="a"\nindex=1\nportal=1\nkind="serial_qr"\nport='
    with pytest.raises(SettingsError, match=r"reader 'a' port: "):
        parse_site(f"{GOOD}{reader}'{port}'\n", "site")
    for good in ("/dev/serial/by-id/usb-x", "socket://10.0.0.7:4000", "rfc2217://serial:4000"):
        assert parse_site(f"{GOOD}{reader}'{good}'\n", "site").reader[0].place == good


def test_two_readers_cannot_share_an_index() -> None:
    reader: dict[str, Any] = {"kind": "serial_qr", "index": 1, "portal": 1, "port": "/dev/x"}
    site = {
        "site": {"name": "a", "timezone": "UTC", "board": "simulated"},
        "reader": [{**reader, "name": "a"}, {**reader, "name": "b"}],
    }
    with pytest.raises(ValueError, match="reader index 1 is used twice"):
        SiteFile.model_validate(site)
