"""Files damaged at rest: both programs come back, and no wrong person gets in."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from . import damage
from .units import LONG, Tally, Units, share

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

    from .conftest import Begin, Copied

pytestmark = pytest.mark.chaos

STORE = "store.db"
UNUSABLE = "gateway: database: the file is "
DATABASES = (STORE, "mirror.db", "journal.db")
SITE_FILE = "gateway.toml"
KINDS = (damage.flip, damage.cut, damage.zeros, damage.swap, damage.wrong_type)
CASES = [(file, kind) for file in DATABASES for kind in KINDS] + [
    (SITE_FILE, kind) for kind in (damage.flip, damage.cut, damage.zeros)
]
BRIEF = [("store.db", damage.cut), ("mirror.db", damage.swap), (SITE_FILE, damage.cut)]
"""In a bounded run. Other tests try more harm to each file within one process."""
TRIED = CASES if LONG else BRIEF
OPEN_AFTER_FLIPS = 0.95
"""Part of the flips after which Ana's door must open."""


@pytest.mark.parametrize(
    ("file", "kind"), TRIED, ids=[f"{kind.__name__} {file}" for file, kind in TRIED]
)
def test_both_come_back_and_nobody_wrong_comes_in(
    used: Site,
    copied: Copied,
    begin: Begin,
    file: str,
    kind: Callable[[random.Random], damage.Damage],
) -> None:
    tally = begin(f"{kind.__name__} in {file}")
    restored = Tally("the same, restored")
    for number in range(share()):
        harm = kind(random.Random(f"{file} {kind.__name__} {number}"))  # noqa: S311 - no secret
        site = copied()
        harm(site.data / file)
        with Units(site) as units:
            # A store that cannot be opened is not made anew: doors decide by the last good copy
            # until somebody restores a backup, and an empty store would take its place.
            units.refusal = UNUSABLE if file == STORE else ""
            tally.note(units, str(number))
            units.stop()
            if units.refused:
                units.refusal = ""
                for left in site.data.glob(f"{STORE}*"):
                    left.unlink()
                shutil.copy(used.data / STORE, site.data / STORE)
                restored.note(units, str(number))
                units.stop()
        shutil.rmtree(site.data)
    for each in (tally, restored):
        each.judge()
    assert restored.opened == restored.tried
    if kind is damage.flip and tally.tried >= 20:
        assert tally.opened > OPEN_AFTER_FLIPS * tally.tried
