"""`gateway check`: what people get wrong in a site file, and what they are told."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.check import check, usable_site
from gateway.errors import SettingsError
from gateway.settings.addresses import parse_address
from gateway.settings.toml_text import MISTAKES

TABLE = tomllib.loads((Path(__file__).parent / "tables/broken_sites.toml").read_text("utf-8"))
GOOD: str = TABLE["good"]
BROKEN: list[dict[str, Any]] = TABLE["broken"]

MACHINE_WORDS = re.compile(
    r"Input should|\bvalid (string|integer|list|dictionary|tuple|boolean)|Value error|pydantic"
    r"|\b(str|int|dict|tuple|bool|NoneType|datetime|codec|ctx|Errno|bytes)\b|\^|\\[dswSW]|\[\^"
    r"|\(\?|Traceback|object at 0x|should match pattern"
)
"""What no electrician has to read: regular expressions, types of Python, words of its libraries."""


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


def run(path: Path, *words: str) -> Result:
    return CliRunner().invoke(check, [str(path), *words])


def refusal(path: Path, content: bytes | str) -> str:
    """What `gateway check` says of a file with that content, which it must refuse."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    error = run(path).exception
    assert isinstance(error, SettingsError), error
    said = str(error)
    assert said.startswith(str(path)), "the file is not named"
    return said.removeprefix(str(path))


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: str(row["mistake"]))
def test_each_mistake_is_told_with_its_place_and_its_cure(
    row: dict[str, Any], site_file: Path
) -> None:
    assert row["was"] in GOOD
    said = refusal(site_file, GOOD.replace(row["was"], row["now"], 1))
    for part in row["said"]:
        assert part in said
    assert not MACHINE_WORDS.search(said), said


def test_every_row_of_mistakes_is_met_by_some_broken_file() -> None:
    told = "\n".join(part for row in BROKEN for part in row["said"])
    missing = [mistake.name for mistake in MISTAKES if mistake.wrong not in told]
    assert missing == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD.replace("Depot", "São").encode("cp1252"), "line 2: the character ã is not written"),
        (GOOD.replace("Depot", "Büro").encode("latin-1"), '(found name = "Büro")'),
        (GOOD.replace("[http]", "# Tür\n[http]").encode("cp1252"), "line 6: the character ü"),
        (GOOD.encode("utf-16"), " line 1: this is UTF-16"),
        (GOOD.encode("utf-16-le"), " line 1: this is UTF-16"),
        (GOOD.encode("utf-16-be"), "(found [site])"),
        (GOOD.encode("utf-32"), " line 1: this is UTF-32"),
        (b"{\\rtf1\\ansi " + GOOD.encode(), " is a document of a word processor: save it as plain"),
        (b"PK\x03\x04rest", " is a document of a word processor or spreadsheet"),
        (b"\xff\xfe", " line 1: this is UTF-16"),
        (b"", " is empty: "),
    ],
)
def test_a_file_in_another_encoding_is_told_by_a_line_and_its_cure(
    content: bytes, said: str, site_file: Path
) -> None:
    told = refusal(site_file, content)
    assert said in told
    assert "UTF-8" in told or not content
    assert not MACHINE_WORDS.search(told)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        GOOD.replace("Depot", "Depósito „Süd“").encode(),
    ],
    ids=["byte order mark", "line ends of Windows", "line ends of an old Macintosh", "letters"],
)
def test_what_other_editors_save_is_taken_where_nothing_is_lost(
    content: bytes, site_file: Path
) -> None:
    site_file.write_bytes(content)
    assert run(site_file).exit_code == 0


def test_a_good_file_is_told_with_what_it_has(site_file: Path) -> None:
    site_file.write_text(GOOD)
    result = run(site_file)
    assert result.exit_code == 0
    assert "'Depot' on Simulated board: 1 door, 2 readers, 1 zone" in result.output


def test_a_door_that_would_lock_people_in_fails(site_file: Path) -> None:
    magnet = GOOD.replace("mechanical", "software").replace(
        'locked = "low", unlocked = "high"', 'locked = "high", unlocked = "low"'
    )
    site_file.write_text(magnet)
    result = run(site_file, "--json")
    assert result.exit_code == 1
    (failed,) = [it for it in json.loads(result.output) if it["grade"] == "fail"]
    assert failed["subject"] == "door front"


def test_a_missing_file_is_named_with_the_one_that_an_editor_called_otherwise(
    tmp_path: Path,
) -> None:
    assert "there is no site file" in str(run(tmp_path / "gateway.toml").exception)
    (tmp_path / "gateway.toml.txt").write_text(GOOD)
    said = str(run(tmp_path / "gateway.toml").exception)
    assert said.endswith("gateway.toml, but gateway.toml.txt: rename it")


def test_a_directory_is_told_from_a_file(tmp_path: Path) -> None:
    assert "is a directory: name the site file in it" in str(run(tmp_path).exception)


JUNK = [
    "",
    "=",
    '"',
    "'",
    "{",
    "}",
    "[",
    "]]",
    ",",
    "#",
    "\\",
    "=1",
    "%(x)s",
    "{0}",
    "é",
    "\0",
    "1 2",
]


@pytest.mark.parametrize("junk", JUNK)
def test_no_damage_to_any_line_is_told_in_the_machines_words(junk: str) -> None:
    lines = GOOD.splitlines()
    for number, line in enumerate(lines):
        for damaged in (junk, junk + line, line + junk, line.replace("=", junk), line[::-1]):
            said = told_of("\n".join([*lines[:number], damaged, *lines[number + 1 :]]))
            assert not MACHINE_WORDS.search(said.split(" (found ")[0]), (damaged, said)


def told_of(text: str) -> str:
    try:
        usable_site(text, "site.toml")
    except SettingsError as error:
        return str(error)
    return ""


LEVELS = 'lock = { pin = 17, locked = "low", unlocked = "high" }'
BOARD = 'board = "simulated"'


@pytest.mark.parametrize(
    ("hat", "lock", "failed", "warned"),
    [
        ("generic-relay-high", 'kind = "strike"', False, False),
        ("generic-relay-low", 'kind = "strike"', False, False),
        ("generic-relay-high", 'kind = "strike", contact = "NC"', False, True),
        ("generic-relay-low", 'kind = "strike", locked = "low", unlocked = "high"', True, False),
        ("generic-relay-high", 'kind = "magnet", locked = "low", unlocked = "high"', True, False),
    ],
)
def test_a_lock_that_is_the_wrong_way_round_is_told(
    site_file: Path, hat: str, lock: str, *, failed: bool, warned: bool
) -> None:
    text = GOOD.replace(LEVELS, f"lock = {{ pin = 17, {lock} }}")
    site_file.write_text(text.replace(BOARD, f'{BOARD}\nhats = ["{hat}"]'))
    result = run(site_file, "--json")
    told = {(it["grade"], it["subject"]) for it in json.loads(result.output)}
    subject = f"door 'front' {'magnet' if 'magnet' in lock else 'strike'}"
    assert (("fail", subject) in told) is failed
    assert (("warn", subject) in told) is warned
    assert result.exit_code == int(failed)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("*:8080", "--http: HOST:PORT is needed: '0.0.0.0:8080' listens on every address"),
        ("8080", "--http: its host is missing"),
        ("localhost", "--http: its port is missing"),
        ("::1:8080", "--http: an IPv6 address stands in brackets"),
        ("127.0.0.1:99999", "--http: HOST:PORT is needed, with a port to 65535"),
    ],
)
def test_addresses_of_the_command_line_are_checked_as_those_of_the_file(
    address: str, said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_address(address)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("192.168.1.20:80", ("192.168.1.20", 80)),
        ("[::1]:8443", ("::1", 8443)),
        ("door-3.example:8080", ("door-3.example", 8080)),
    ],
)
def test_good_addresses_are_taken(address: str, parts: tuple[str, int]) -> None:
    assert parse_address(address) == parts


@pytest.mark.parametrize(
    ("kind", "egress", "grade"),
    [
        ("strike", "mechanical", None),
        ("magnet", "direct_cut", None),
        ("magnet", "mechanical", "warn"),
        ("magnet", "software", "fail"),
    ],
)
def test_a_magnet_needs_an_exit_that_cuts_its_power(
    site_file: Path, kind: str, egress: str, grade: str | None
) -> None:
    text = GOOD.replace('egress = "mechanical"', f'egress = "{egress}"')
    lock = f'{{ pin = 17, kind = "{kind}" }}'
    text = text.replace('{ pin = 17, locked = "low", unlocked = "high" }', lock)
    text = text.replace('board = "simulated"', 'board = "simulated"\nhats = ["generic-relay-high"]')
    site_file.write_text(text)
    told = json.loads(run(site_file, "--json").output)
    exits = [
        it["grade"] for it in told if it["subject"] == "door front" and "direct_cut" in it["text"]
    ]
    assert exits == [grade] * (grade is not None)


def test_a_relay_that_two_doors_use_is_named(site_file: Path) -> None:
    lock = '{ relay = "CH1", kind = "strike" }'
    text = GOOD.replace(
        'board = "simulated"', 'board = "simulated"\nhats = ["waveshare-relay-3ch"]'
    )
    text = text.replace('{ pin = 17, locked = "low", unlocked = "high" }', lock)
    text += f'\n[[door]]\nid = 2\nname = "back"\negress = "mechanical"\nlock = {lock}\n'
    said = refusal(site_file, text)
    assert "CH1 (pin 26) is used twice: door 'front' strike and door 'back' strike" in said


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_an_empty_file_is_called_empty(site_file: Path, text: str) -> None:
    assert refusal(site_file, text).startswith(" is empty: ")


def test_a_refusal_is_json_when_json_is_asked_for(site_file: Path) -> None:
    site_file.write_text(GOOD.replace("id = 1", "id = 9"))
    done = run(site_file, "--json")
    (found,) = json.loads(done.output)
    assert (done.exit_code, found["grade"], found["subject"]) == (1, "fail", "site file")
    assert "door 'front' id" in found["text"]


def test_a_site_without_doors_warns(site_file: Path) -> None:
    site_file.write_text('[site]\nname = "A"\ntimezone = "UTC"\nboard = "simulated"\n')
    assert "warn site file: has no door" in run(site_file).output


@pytest.mark.parametrize(("formats", "warned"), [('["w26"]', True), ('["w26", "w34"]', False)])
def test_a_reader_that_takes_every_card_for_a_pin_is_warned_of(
    site_file: Path, formats: str, *, warned: bool
) -> None:
    kind = 'kind = "wiegand"'
    assert kind in GOOD
    site_file.write_text(GOOD.replace(kind, f"{kind}\nwhole_pins = 24\nformats = {formats}"))
    assert ("it reads no card" in run(site_file).output) is warned
