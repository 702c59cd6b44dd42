"""Files beside the databases are damaged: both programs start, and doors open for their people.

Each file suffers another harm, in a long run each of them in turn, while both programs run and
before they start.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .side_files import DATA_FILES, HARMS, RUNTIME_FILES, SECRETS
from .units import LONG, Tally, Units

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

    from .conftest import Begin, Copied

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(os.geteuid() != 0, reason="gives files away, as root alone can"),
]

UNPRIVILEGED = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""Root without its capabilities is an owner like others: what has no mode bits is unreadable."""
TLS = '[http]\nlisten = "127.0.0.1:0"\ntls = "127.0.0.1:0"\n'


@pytest.fixture
def full(copied: Copied) -> Site:
    """A site with HTTPS and flight records."""
    site = copied()
    path = site.data / "gateway.toml"
    text, end = path.read_text(), "# End of site file"
    text = re.sub(r"(?ms)^\[http\]\n.*?(?=^\[|^# \[|\Z)", "", text)
    more = f"{TLS}\n[flight_record]\nenabled = true\n\n{end}"
    path.write_text(text.replace(end, more, 1))
    return site


def files(site: Site) -> list[Path]:
    runtime = site.data.with_name(f"{site.data.name}.run")
    return [*(site.data / name for name in DATA_FILES), *(runtime / name for name in RUNTIME_FILES)]


def harmed(site: Site, turn: int) -> Iterator[tuple[Path, str]]:
    """Every file and its harm. In as many turns as there are harms each file suffers each."""
    for number, path in enumerate(files(site)):
        yield path, list(HARMS)[(number + turn) % len(HARMS)]


def note(tally: Tally, units: Units, when: str) -> None:
    """Try the doors; once more where cards were denied while a lost mirror was made anew."""
    tally.note(units, when)
    if tally.shut:
        tally.shut.clear()
        tally.tried -= 1
        tally.note(units, f"{when}, again")


@pytest.mark.parametrize("turn", range(len(HARMS)) if LONG else (6,))
def test_both_start_and_doors_open_whatever_became_of_files_beside_the_databases(
    full: Site, begin: Begin, turn: int
) -> None:
    tally = begin(f"damaged side files, turn {turn}")
    with Units(full, controller=UNPRIVILEGED, api=UNPRIVILEGED) as units:
        if LONG:
            tally.note(units, "before")
            for path, harm in harmed(full, turn):
                if path.parent != units.runtime.path:  # without those nobody reaches the programs
                    HARMS[harm](path)
            note(tally, units, "while they run")
            for unit in units.kept:
                unit.kill()
        for path, harm in harmed(full, turn):
            HARMS[harm](path)
        units.forget_edges()
        note(tally, units, "at a start")
        units.stop()
    tally.judge()
    assert tally.opened == tally.tried, units.controller.log.read_text()[-6_000:]
    left = [full.data / name for name in SECRETS if (full.data / name).is_file()]
    assert not left
