"""The site file on disk: a cut one is noticed, copies are whole, and one command accepts a file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.commands.provisioning import initialise
from gateway.errors import SettingsError
from gateway.settings import (
    LAST_GOOD,
    SITE_FILE,
    SiteFile,
    keep_last_good,
    parse_site,
    read_current_site,
    read_running_site,
    read_text,
)
from tests.demo_site import DEMO

FRONT_ONLY = DEMO.replace(DEMO[DEMO.index("[[door]]\nid = 2") : DEMO.index("# A site with a")], "")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / "data"
    initialise(path, DEMO, demo=True)
    return path


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A demo site with which a controller has come up."""
    copy = tmp_path / "data"
    shutil.copytree(made, copy)
    keep_last_good(copy, read_text(copy / SITE_FILE))
    return copy


def parts(site: SiteFile) -> tuple[object, ...]:
    return site.doors(), site.reader, site.turnstile, sorted(site.pins())


def write(data: Path, text: str) -> None:
    (data / SITE_FILE).write_text(text, encoding="utf-8")


def accept(data: Path) -> str:
    answer = CliRunner().invoke(cli, ["site", "accept", "--data", str(data)])
    assert answer.exit_code == 0, answer.output
    return answer.stderr


@pytest.mark.parametrize("copy", [True, False], ids=["started", "never started"])
def test_every_cut_of_the_demo_file_is_refused_or_loses_nothing(data: Path, *, copy: bool) -> None:
    if not copy:
        (data / LAST_GOOD).unlink()
    whole, wanted = DEMO.encode(), parts(parse_site(DEMO, "demo"))
    taken = 0
    # Every cut of the end line, where some lose nothing; before it some of all, which lack it.
    end = whole.rindex(b"\n", 0, -1)
    for length in (*range(0, end, 17), *range(end, len(whole))):
        # What the cut leaves of a letter, or of TOML, is looked at only where the end line is.
        with (data / SITE_FILE).open("wb") as file:
            file.write(whole[:length])
        try:
            site = read_current_site(data)
        except SettingsError:
            continue
        taken += 1
        assert parts(site) == wanted, length
    # Only cuts within the end line, behind its first words.
    assert 0 < taken < 100


def test_a_cut_file_leaves_the_last_good_copy_in_force_and_untouched(data: Path) -> None:
    write(data, DEMO[: DEMO.index('[[reader]]\nname = "qr"')])
    with pytest.raises(SettingsError, match="does not end with the line '# End of site file'"):
        read_current_site(data)
    assert [reader.name for reader in read_running_site(data).reader] == ["front", "qr"]


def test_something_below_the_end_line_is_said_so(data: Path) -> None:
    write(data, f'{DEMO}\n[siren]\npin = 26\nactive = "high"\n')
    with pytest.raises(SettingsError, match="below its end line"):
        read_current_site(data)


def test_a_person_may_edit_the_file(data: Path) -> None:
    write(
        data,
        DEMO.replace('"front"            # in', '"main"  # in').replace("pin = 17", "pin = 19"),
    )
    site = read_current_site(data)
    assert (site.door[0].name, site.door[0].strike.pin) == ("main", 19)


def test_a_door_fewer_is_in_force_once_somebody_accepts_it(data: Path) -> None:
    write(data, FRONT_ONLY)
    with pytest.raises(
        SettingsError, match=r"no longer .* door 'back'.*gateway site accept --data"
    ):
        read_current_site(data)
    assert len(read_running_site(data).door) == 2
    assert "no longer there: door 'back'" in accept(data)
    assert len(read_running_site(data).door) == 1
    write(data, DEMO.replace('"back"', '"rear"'))
    assert len(read_current_site(data).door) == 2


@pytest.mark.parametrize("table", ["[tamper]", "[[zone]]\nnumber = 2", '[[reader]]\nname = "qr"'])
def test_an_input_or_reader_fewer_is_refused_too(data: Path, table: str) -> None:
    begin = DEMO.index(table)
    end = DEMO.index("\n\n", begin)
    write(data, DEMO[:begin] + DEMO[end:])
    with pytest.raises(SettingsError, match="no longer what its last good copy has"):
        read_current_site(data)


def test_a_file_without_an_end_line_gets_one_when_it_is_accepted(data: Path) -> None:
    write(data, DEMO[: DEMO.index("# End of site file")] + "# mine\n")
    assert "the end line is written" in accept(data)
    text = (data / SITE_FILE).read_text(encoding="utf-8")
    assert text.endswith("last: without it the file counts as cut off.\n")
    assert "# mine" in text
    assert read_current_site(data) == parse_site(DEMO, "demo")


def test_a_site_from_before_end_lines_goes_on_until_it_is_edited(data: Path) -> None:
    old = DEMO[: DEMO.index("# End of site file")]
    for name in (SITE_FILE, LAST_GOOD):
        (data / name).write_text(old, encoding="utf-8")
    assert len(read_current_site(data).door) == 2
    write(data, old.replace("pin = 17", "pin = 19"))
    with pytest.raises(SettingsError, match="does not end"):
        read_current_site(data)


def test_a_directory_that_was_made_by_hand_needs_no_end_line(tmp_path: Path) -> None:
    (tmp_path / SITE_FILE).write_text(FRONT_ONLY[: FRONT_ONLY.index("# End of site")], "utf-8")
    assert len(read_current_site(tmp_path).door) == 1


def test_three_copies_are_kept_and_the_first_that_can_be_used_counts(data: Path) -> None:
    for number in range(5):
        write(data, DEMO.replace('name = "Demo"', f'name = "Demo {number}"'))
        keep_last_good(data, read_text(data / SITE_FILE))
    copies = sorted(data.glob(f"{LAST_GOOD}*"))
    assert [parse_site(copy.read_text("utf-8"), "").site.name for copy in copies] == [
        "Demo 4",
        "Demo 3",
        "Demo 2",
    ]
    write(data, "rubbish")
    copies[0].write_bytes(DEMO.encode()[:3_000])
    assert read_running_site(data).site.name == "Demo 3"
    copies[1].unlink()
    copies[1].mkdir()
    assert read_running_site(data).site.name == "Demo 2"


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 40)


DAMAGE = {
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "rubbish": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "nested": lambda path: path.write_bytes(b"x = " + b"[" * 50_000),
    "gone": lambda path: path.unlink(),
    "fifo": as_fifo,
    "directory": as_directory,
    "large": as_large,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_leaves_the_copy_and_damaged_copies_leave_the_file(
    data: Path, damage: str
) -> None:
    wanted = read_current_site(data)
    DAMAGE[damage](data / LAST_GOOD)
    assert read_running_site(data) == wanted
    if damage == "directory":
        (data / LAST_GOOD).rmdir()
    keep_last_good(data, read_text(data / SITE_FILE))
    DAMAGE[damage](data / SITE_FILE)
    with pytest.raises(SettingsError, match=SITE_FILE):
        read_current_site(data)
    assert read_running_site(data) == wanted
