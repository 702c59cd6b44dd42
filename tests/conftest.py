"""Settings of the whole suite: how far property tests go, and which tests may be skipped.

`HYPOTHESIS_PROFILE=fuzz` (as `make fuzz` sets it) lets property tests search long and at random.

On Debian 12 and 13 as root everything that a test needs can be installed, and `make test` installs
it. A test that is skipped there has lost something unseen, so it fails unless `allowed_skips.txt`
names it. `GATEWAY_TEST_SKIPS=allow` or `refuse` overrides the machine.
"""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")

# No time limits: the machines are slow and noisy. The same examples every time, so that a change
# is judged by what it changed; searching for new ones is the other profile's work.
settings.register_profile(
    "default",
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "fuzz",
    max_examples=5_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def skips_are_refused(
    environment: Mapping[str, str], release: Mapping[str, str], user_id: int
) -> bool:
    """Whether a skipped test is a fault on this machine."""
    override = environment.get("GATEWAY_TEST_SKIPS")
    if override is not None:
        if override not in {"allow", "refuse"}:
            raise pytest.UsageError("GATEWAY_TEST_SKIPS is allow or refuse")
        return override == "refuse"
    debian = release.get("ID") in {"debian", "raspbian"}
    return debian and release.get("VERSION_ID") in {"12", "13"} and user_id == 0


def read_allowed(lines: Iterable[str]) -> dict[str, str]:
    """Test -> reason, of lines `tests/path.py::test_name - reason`; blank lines and # are free."""
    allowed: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        test, _, reason = (part.strip() for part in text.partition(" - "))
        if not reason:
            raise pytest.UsageError(f"{ALLOWED_SKIPS.name}, line {number}: a reason is missing")
        allowed[test] = reason
    return allowed


def _os_release() -> Mapping[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


_refused = skips_are_refused(os.environ, _os_release(), os.geteuid())
_allowed = read_allowed(ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines())


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    # An expected failure counts as skipped for pytest, and says so by `wasxfail`.
    if not _refused or not report.skipped or hasattr(report, "wasxfail"):
        return
    test = report.nodeid.partition("[")[0]
    if test in _allowed:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} may not be skipped on this machine ({reason})"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collecting makes what lives until the end: looking for garbage in it, meanwhile and later, is
    a third of the work of a collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _judge(report)
    return report


_SECTIONS = {
    "chaos": "doors of known people that opened after each kind of harm",
    "delivery": "messages that arrived while the api and the broker were killed",
}
"""By the name of the property that a test records."""


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """What `make chaos` tried."""
    if config.option.markexpr != "chaos":
        return
    reports = [it for them in terminalreporter.stats.values() for it in them]
    said = [
        (name, str(line))
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, line in report.user_properties
    ]
    for wanted, title in _SECTIONS.items():
        terminalreporter.section(title)
        for name, line in said:
            if name == wanted:
                terminalreporter.line(line)
