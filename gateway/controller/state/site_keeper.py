"""The site file in force, and the trial of another one that a client proposed.

A trial begins with a start of the controller and ends with a confirmation, which makes it the site
file, or with another start: when the time for the confirmation is over, when the controller ended
for any reason, or when the device restarted. Until then the site file on the disk is the former.
"""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from gateway.clock import Clock, boot_id
from gateway.errors import GatewayError, InvalidRequest, NotFound, SettingsError, TooBusy
from gateway.hardware.boards.profiles import check_site, load_profile
from gateway.link.messages import SiteStatus
from gateway.settings import (
    SITE_FILE,
    Origin,
    RunningSite,
    SiteFile,
    SiteTrial,
    TrialState,
    drop_trial,
    keep_site,
    parse_site,
    read_text,
    read_trial,
    stored_site,
    text_digest,
    with_end,
    write_trial,
)
from gateway.settings.trial import (
    LONGEST_PROPOSAL,
    MOST_TRIALS,
    TRIALS_WITHIN_S,
    note_trial,
    wait_before_trial_s,
)

_NS = 1_000_000_000

log = structlog.get_logger("site")


class SiteKeeper:
    """Keeps the site file of one data directory. The loop's thread alone uses it."""

    def __init__(self, data: Path, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._running: RunningSite | None = None
        self._confirm_within_s = 0
        self._end_ns = 0
        """When a trial is over."""
        self._restart = False
        self._writing: threading.Thread | None = None
        self._fault = ""
        """Why a confirmed file could not be stored."""

    def begin(self) -> RunningSite:
        """The site file to start with. Raises SettingsError if none can be used."""
        self._running = self._tried() or stored_site(self._data)
        for text in self._running.site.ignored:
            log.warning("a key of the site file is ignored", key=text)
        return self._running

    def ready(self) -> None:
        """The controller came up."""
        self._end_ns = self._clock.monotonic_ns() + self._confirm_within_s * _NS

    def failed(self, why: str) -> None:
        """The controller cannot come up; a file on trial is not tried again."""
        trial = read_trial(self._data) if self._on_trial else None
        if trial is not None:
            self._take_back(trial, why)

    def propose(self, text: str, confirm_within_s: int, by: str) -> str:
        """Try a site file at a restart, which is now due; returns the digest of its text.

        Raises InvalidRequest for a file that cannot be used, TooBusy while another is on trial and
        after many trials.
        """
        if self._on_trial or self._restart:
            raise TooBusy("another site file is on trial: confirm it or take it back first")
        now_s = self._clock.monotonic_ns() // _NS
        wait_s = wait_before_trial_s(self._data, now_s)
        if wait_s:
            raise TooBusy(
                f"{MOST_TRIALS} site files were tried within {TRIALS_WITHIN_S // 60} minutes, and "
                f"doors do not work while the controller starts: try again in {wait_s} s"
            )
        text = with_end(text)
        if len(text.encode()) > LONGEST_PROPOSAL:
            raise InvalidRequest(f"a site file has at most {LONGEST_PROPOSAL} bytes here")
        try:
            site = _usable(text)
        except SettingsError as error:
            raise InvalidRequest(str(error)) from error
        if _simulated(site) and self._running and not _simulated(self._running.site):
            # On a simulated board clients play cards: whoever took the api over could open doors.
            raise InvalidRequest("site.board: a device with a real board does not become simulated")
        trial = SiteTrial(
            state=TrialState.PROPOSED,
            text=text,
            boot=boot_id(),
            confirm_within_s=confirm_within_s,
            by=by,
        )
        try:
            note_trial(self._data, now_s)
            write_trial(self._data, trial)
        except OSError as error:
            raise GatewayError(f"the site file cannot be stored: {error.strerror}") from error
        log.info("a site file was proposed; the controller starts anew with it", by=by)
        self._restart = True
        return text_digest(text)

    def confirm(self, digest: str) -> None:
        """Make the file on trial the site file; `status` shows when that is done. Raises NotFound
        if none with this digest is on trial."""
        running = self._tried_now(digest)
        if self._writing is None:
            # A card may take seconds to write; doors do not wait for that.
            self._fault = ""
            self._writing = threading.Thread(target=self._keep, args=(running.text,), name="site")
            self._writing.start()

    def take_back(self, digest: str) -> None:
        """End the trial by a restart. Raises NotFound if no file with this digest is on trial."""
        self._tried_now(digest)
        self._end("a client took it back")

    def restart_due(self) -> bool:
        """Whether the controller must start anew with another site file. Called at every turn."""
        if self._writing is not None and not self._writing.is_alive():
            self._writing = None
            if not self._fault and self._running:
                self._running = RunningSite(self._running.site, self._running.text, Origin.FILE)
        over = self._clock.monotonic_ns() >= self._end_ns
        if self._on_trial and over and self._writing is None and not self._restart:
            self._end(self._fault or f"nobody confirmed it within {self._confirm_within_s} s")
        return self._restart

    def status(self) -> SiteStatus | None:
        """For the api and the CLI."""
        if self._running is None:
            return None
        left_ns = self._end_ns - self._clock.monotonic_ns() if self._on_trial else 0
        return SiteStatus(
            digest=self._running.digest,
            origin=self._running.origin.value,
            left_s=max(0, left_ns // _NS),
            fault=self._fault,
        )

    @property
    def _on_trial(self) -> bool:
        return self._running is not None and self._running.origin is Origin.TRIAL

    def _tried_now(self, digest: str) -> RunningSite:
        running = self._running
        if running is None or not self._on_trial or running.digest != digest or self._restart:
            raise NotFound("no such site file is on trial")
        return running

    def _tried(self) -> RunningSite | None:
        """The proposed site file, if this start is to try it."""
        trial = read_trial(self._data)
        if trial is None or trial.state is TrialState.TAKEN_BACK:
            return None
        if self._is_stored(trial.text):
            drop_trial(self._data)
        elif trial.boot != boot_id():
            self._take_back(trial, "the device restarted")
        elif trial.state is TrialState.TRIED:
            self._take_back(trial, "the controller ended while the file was on trial")
        else:
            try:
                site = _usable(trial.text)
                write_trial(self._data, trial.model_copy(update={"state": TrialState.TRIED}))
            except (SettingsError, OSError) as error:
                self._take_back(trial, str(error))
            else:
                self._confirm_within_s = trial.confirm_within_s
                return RunningSite(site, trial.text, Origin.TRIAL)
        return None

    def _is_stored(self, text: str) -> bool:
        try:
            return read_text(self._data / SITE_FILE) == text
        except SettingsError:
            return False

    def _end(self, why: str) -> None:
        trial = read_trial(self._data)
        if trial is not None:
            self._take_back(trial, why)
        self._restart = True

    def _take_back(self, trial: SiteTrial, why: str) -> None:
        log.warning("the site file on trial is taken back", why=why)
        update = {"state": TrialState.TAKEN_BACK, "why": why}
        try:
            write_trial(self._data, trial.model_copy(update=update))
        except OSError as error:
            log.warning("the end of the trial cannot be stored", why=str(error))

    def _keep(self, text: str) -> None:
        try:
            keep_site(self._data, text)
        except OSError as error:
            self._fault = f"the site file cannot be written: {error}"
            log.warning("the confirmed site file cannot be written", why=str(error))


def _simulated(site: SiteFile) -> bool:
    return load_profile(site.site.board).simulated


def _usable(text: str) -> SiteFile:
    """The site file in `text`. Raises SettingsError, also for what the board lacks."""
    site = parse_site(text, "site file")
    check_site(load_profile(site.site.board), site)
    return site
