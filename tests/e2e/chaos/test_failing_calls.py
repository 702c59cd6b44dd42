"""Calls of the controller to the kernel fail one after the other, on its own files and the api's.

A run without failures is recorded first: start, reads, a changed rule, a checkpoint, stop. Then
calls on each file fail once, each in a run of its own, in the feeding process as well, and the run
proves that it did. A controller that ends is started again, with whole calls: the doors decide, or
the process restarts and decides.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
import requests

from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store
from tests.e2e.conftest import eventually

from .kernel_calls import CALLS, Failure, failures, happened, recorded, recording
from .units import COME_BACK_S, CONTROLLER, LONG, Tally, Units, share

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

    from .conftest import Begin, Copied

pytestmark = pytest.mark.chaos

FILES = (
    *(
        f"{name}{suffix}"
        for name in ("journal.db", "mirror.db", "store.db")
        for suffix in ("", "-wal", "-shm")
    ),
    *("gateway.toml", "gateway.toml.last-good", "gateway.toml.accepted"),
    *("runtime.json", "controller.lock"),
    "",  # the data directory itself
)
BRIEF = {
    "open": Failure("open", "mirror.db", 1, "EMFILE"),
    "write": Failure("write", "journal.db-wal", 1, "ENOSPC"),
    "mmap": Failure("mmap", "journal.db-shm", 1, "ENOMEM"),
}
"""In a bounded run."""
REACHED = 0.95
"""Part of the failures that must happen: how often a thread looks at a file differs by run."""


@pytest.fixture(scope="module", autouse=True)
def tracing() -> None:
    """Skip where no program may be traced."""
    tried = subprocess.run(["strace", "-qqq", "-o", "/dev/null", "true"], check=False)
    if tried.returncode != 0:
        pytest.skip("strace may not trace here")


def scenario(units: Units, tally: Tally, case: str) -> None:
    """Start, reads, a changed rule, a checkpoint and an orderly stop of the controller."""
    units.kept = [units.controller]
    tally.note(units, case)
    with closing(Store.open(units.site.data / "store.db", REGISTRY, lambda: 0)) as store:
        store.modify("access_rules", {"name": f"renamed {case}"[:60]}, {"access_rules": {"id": 1}})
        store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        version = store.policy_version()
    try:
        eventually(lambda: units.obeys(version), "a copied change", COME_BACK_S)
    except AssertionError as error:
        tally.broken.append(f"{case}: {error}")
    tally.note(units, f"{case}, after a change")
    units.stop()


@pytest.fixture(scope="session")
def made_calls(used: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], int]:
    """Call and file -> how often the scenario makes it in one thread."""
    found: list[dict[tuple[str, str], int]] = []
    for _ in range(2):
        site, log = _copy(used), tmp_path_factory.mktemp("calls") / "log"
        with Units(site, wrapper=recording(site.data, FILES, log)) as units:
            tally = Tally("recorded")
            scenario(units, tally, "0")
            tally.judge()
        found.append(recorded(log, site.data, FILES))
        shutil.rmtree(site.data)
    return {key: min(count, found[1][key]) for key, count in found[0].items() if key in found[1]}


def _copy(used: Site) -> Site:
    data = used.home.new_path()
    shutil.copytree(used.data, data, symlinks=True)
    return type(used)(used.home, data, used.password)


@pytest.mark.parametrize("name", CALLS if LONG else BRIEF)
def test_doors_decide_whichever_call_fails(
    request: pytest.FixtureRequest, copied: Copied, begin: Begin, name: str
) -> None:
    tally, after = begin(f"a failing {name}"), begin(f"a failing {name}, then started again")
    missed = begin(f"a {name} that was not made to fail")
    for failure in _failures(request, name):
        site = copied()
        log = site.data.with_name(f"{site.data.name}.{CONTROLLER}.calls")
        with Units(site, wrapper=failure.command(site.data, log)) as units:
            scenario(units, tally, str(failure))
            if not happened(log):
                missed.miss(str(failure))
            after.note(units, str(failure))
            units.stop()
        shutil.rmtree(site.data)
    for each in (tally, after):
        each.judge()
    assert after.opened == after.tried, f"Ana was not let in: {after.shut}"
    assert len(missed.shut) <= (1 - REACHED) * after.tried, f"never failed: {missed.shut}"


@pytest.mark.parametrize("file", ["store.db-shm", "journal.db-shm"])
def test_clients_write_and_read_whichever_lock_the_api_fails_to_take_or_to_release(
    copied: Copied, begin: Begin, file: str
) -> None:
    failed, site = begin(f"a failing lock of the api on {file}"), copied()
    with Units(site) as units:
        tally = Tally("before")
        tally.note(units, "0")
        tally.judge()
        for nth in range(1, 9 if LONG else 3):
            failure = Failure("lock", file, nth, "ENOLCK")
            log = site.data.with_name(f"{site.data.name}.{nth}.calls")
            with (
                closing(units.client()) as api,
                failure.in_running(units.api.pid, site.data, log),
                suppress(AssertionError),
            ):
                api.configure("general", relay1_timeout=100 + nth)
                units.check()  # to have something read from the journal
            if not happened(log):
                failed.miss(str(failure))
            eventually(lambda: _served(units) > 0, "a write and a read of a client", COME_BACK_S)
            before = _served(units)
            failed.note(units, str(failure))
            eventually(partial(_shows_more, units, before), "a shown access", COME_BACK_S)
    failed.judge()
    assert failed.opened == failed.tried, f"never failed, or Ana was not let in: {failed.shut}"


def _served(units: Units) -> int:
    """The newest access that a client is shown, after a write of that client; 0 for none."""
    units.keep()
    with suppress(AssertionError, requests.RequestException), closing(units.client()) as api:
        api.configure("general", relay1_timeout=100)
        return max(int(row["id"]) for row in api.load("access_logs"))
    return 0


def _shows_more(units: Units, before: int) -> bool:
    return _served(units) > before


def _failures(request: pytest.FixtureRequest, name: str) -> Iterator[Failure]:
    if not LONG:
        yield BRIEF[name]
        return
    made: dict[tuple[str, str], int] = request.getfixturevalue("made_calls")
    chosen = {key: count for key, count in made.items() if key[0] == name}
    yield from failures(chosen, max(share() // 10, 1))
