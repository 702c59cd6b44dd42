"""A site file on trial: confirmed it stays, otherwise the one before comes back by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import ManualClock, boot_id
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.errors import InvalidRequest, NotFound, TooBusy
from gateway.settings import (
    SITE_FILE,
    Origin,
    TrialState,
    good_copies,
    read_current_site,
    read_text,
    read_trial,
    running_site,
    text_digest,
    with_end,
    write_trial,
)
from gateway.settings.trial import MOST_TRIALS, TRIALS
from tests.demo_site import DEMO
from tests.unit.controller.conftest import MONDAY_NOON

OTHER = DEMO.replace('name = "Demo"', 'name = "Depot"')
BROKEN = DEMO.replace("pin = 17", "pin = 170")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    (path / SITE_FILE).write_text(DEMO, encoding="utf-8")
    return path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY_NOON)


@pytest.fixture
def start(data: Path, clock: ManualClock) -> Callable[[], SiteKeeper]:
    """Starts a controller, as far as its site file is concerned."""

    def started() -> SiteKeeper:
        keeper = SiteKeeper(data, clock)
        keeper.begin()
        keeper.ready()
        return keeper

    return started


Start = Callable[[], SiteKeeper]


def on_trial(start: Start) -> SiteKeeper:
    keeper = start()
    keeper.propose(OTHER, 60, "admin")
    assert keeper.restart_due()
    return start()


def confirm(keeper: SiteKeeper, digest: str) -> None:
    keeper.confirm(digest)
    writing = keeper._writing
    assert writing is not None
    writing.join(60)
    assert not keeper.restart_due()


def names(data: Path) -> tuple[str, str]:
    """The name in the site file, and in the one in force."""
    return read_current_site(data).site.name, running_site(data).site.site.name


def test_a_confirmed_file_is_the_site_file_and_survives_restarts(
    data: Path, start: Start, clock: ManualClock
) -> None:
    keeper = on_trial(start)
    assert names(data) == ("Demo", "Depot")
    status = keeper.status()
    assert status is not None
    assert (status.origin, status.left_s) == ("trial", 60)
    confirm(keeper, status.digest)
    assert names(data) == ("Depot", "Depot")
    assert good_copies(data)[0] == read_text(data / SITE_FILE)
    assert read_trial(data) is None
    clock.advance(3_600)
    assert not keeper.restart_due()
    assert start().begin().origin is Origin.FILE


def test_a_file_that_nobody_confirms_is_taken_back_in_time(
    data: Path, start: Start, clock: ManualClock
) -> None:
    keeper = on_trial(start)
    clock.advance(59.9)
    assert not keeper.restart_due()
    clock.advance(0.2)
    assert keeper.restart_due()
    assert names(data) == ("Demo", "Demo")
    trial = read_trial(data)
    assert trial is not None
    assert trial.why == "nobody confirmed it within 60 s"
    assert not start().restart_due()


def test_a_controller_that_ends_on_trial_starts_with_the_file_before(
    data: Path, start: Start
) -> None:
    on_trial(start)
    start()
    assert names(data) == ("Demo", "Demo")


def test_a_start_that_fails_on_trial_says_why_it_was_taken_back(data: Path, start: Start) -> None:
    on_trial(start).failed("pin 17 is busy")
    assert names(data) == ("Demo", "Demo")
    trial = read_trial(data)
    assert trial is not None
    assert (trial.state, trial.why) == (TrialState.TAKEN_BACK, "pin 17 is busy")


def test_a_restart_of_the_device_ends_a_trial(data: Path, start: Start) -> None:
    for state in (TrialState.PROPOSED, TrialState.TRIED):
        on_trial(start)
        trial = read_trial(data)
        assert trial is not None
        write_trial(data, trial.model_copy(update={"state": state, "boot": "another"}))
        assert names(data) == ("Demo", "Demo")
        assert start().begin().origin is Origin.FILE
        (data / "site-trial.json").unlink()


def test_a_crash_while_a_confirmed_file_is_stored_leaves_one_of_the_two(
    data: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ("_note_accepted", "write_whole", "keep_last_good", "drop_trial")
    for at, step in enumerate(steps):
        (data / SITE_FILE).write_text(DEMO, encoding="utf-8")
        (data / "gateway.toml.accepted").unlink(missing_ok=True)
        keeper = on_trial(start)
        status = keeper.status()
        assert status is not None

        def crash(*_: object, **__: object) -> None:
            raise OSError(5, "the power is gone")

        with monkeypatch.context() as broken:
            broken.setattr(f"gateway.settings.files.{step}", crash)
            keeper.confirm(status.digest)
            writing = keeper._writing
            assert writing is not None
            writing.join(60)
        origin = start().begin().origin
        assert origin is Origin.FILE, step
        wanted = "Depot" if at >= 2 else "Demo"
        assert names(data) == (wanted, wanted), step


def test_what_cannot_be_used_is_not_even_tried(data: Path, start: Start) -> None:
    keeper = start()
    for text in (BROKEN, "x" * 50_000, "", DEMO.replace('board = "simulated"', 'board = "pi9"')):
        with pytest.raises(InvalidRequest):
            keeper.propose(text, 60, "admin")
    assert not keeper.restart_due()
    assert read_trial(data) is None


def test_a_real_board_does_not_become_simulated(data: Path, start: Start) -> None:
    real = '[site]\nname = "Depot"\ntimezone = "UTC"\nboard = "pi4"\n'
    (data / SITE_FILE).write_text(real, encoding="utf-8")
    keeper = start()
    with pytest.raises(InvalidRequest, match="real board"):
        keeper.propose(DEMO, 60, "admin")
    assert keeper.propose(real.replace("pi4", "pi5"), 60, "admin")


def test_trials_are_few_whoever_asks_since_no_door_opens_during_a_start(
    data: Path, start: Start, clock: ManualClock
) -> None:
    def tried() -> None:
        keeper = on_trial(start)
        keeper.take_back(text_digest(with_end(OTHER)))
        assert keeper.restart_due()

    for _ in range(MOST_TRIALS):
        tried()
        clock.advance(1)
    with pytest.raises(TooBusy, match=r"10 site files were tried .* again in 590 s"):
        start().propose(OTHER, 60, "admin")
    assert not start().restart_due()
    clock.advance(590)
    tried()
    with pytest.raises(TooBusy, match="again in 1 s"):
        start().propose(OTHER, 60, "admin")
    # Neither a broken record nor another start of the machine keeps a technician waiting.
    for record in ("{", (data / TRIALS).read_text().replace(boot_id(), "another")):
        (data / TRIALS).write_text(record)
        tried()


def test_one_file_is_on_trial_at_a_time_and_only_that_one_is_confirmed(start: Start) -> None:
    keeper = on_trial(start)
    with pytest.raises(TooBusy):
        keeper.propose(DEMO, 60, "admin")
    with pytest.raises(NotFound):
        keeper.confirm("0" * 64)
    status = keeper.status()
    assert status is not None
    keeper.take_back(status.digest)
    assert keeper.restart_due()
    with pytest.raises(NotFound):
        keeper.confirm(status.digest)
