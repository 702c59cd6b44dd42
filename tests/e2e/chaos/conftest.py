"""A site that has run, and a line of the summary for each kind of harm."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from .units import Tally, Units

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Site

Copied = Callable[[], "Site"]
Begin = Callable[[str], Tally]


@pytest.fixture
def begin(record_property: Callable[[str, object], None]) -> Iterator[Begin]:
    """Begins a line of the summary that `make chaos` prints."""
    lines: list[Tally] = []

    def begun(what: str) -> Tally:
        lines.append(Tally(what))
        return lines[-1]

    yield begun
    for line in lines:
        record_property("chaos", str(line))


@pytest.fixture(scope="session")
def used(make: Maker) -> Site:
    """A demo site at rest that has run: somebody entered, and a client changed something."""
    site = make.demo()
    with Units(site) as units:
        units.check()
        with closing(units.client()) as api:
            api.configure("general", relay1_timeout=100, relay2_timeout=100)
        assert units.check().opened
        units.stop()
    return site


@pytest.fixture
def copied(used: Site) -> Copied:
    """Makes a copy of `used`."""

    def copy() -> Site:
        data = used.home.new_path()
        shutil.copytree(used.data, data, symlinks=True)
        return replace(used, data=data)

    return copy
