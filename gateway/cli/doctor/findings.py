"""Findings of `gateway doctor` and `gateway check`, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

import click

from gateway.cli.printing import one_line


class Grade(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    grade: Grade
    subject: str
    text: str


def ok(subject: str, text: str) -> Finding:
    """A finding that something is as it should be."""
    return Finding(Grade.OK, subject, text)


def warn(subject: str, text: str) -> Finding:
    """A finding of something that works but should be known or changed."""
    return Finding(Grade.WARN, subject, text)


def fail(subject: str, text: str) -> Finding:
    """A finding of something that does not work or is unsafe."""
    return Finding(Grade.FAIL, subject, text)


def when(utc_s: int) -> str:
    """A time in Unix seconds, as findings name it; 0 is never."""
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M} UTC" if utc_s else "never"


def report(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Print `findings`, a line each. Raises SystemExit with code 1 if one of them is FAIL."""
    found = list(findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        for finding in found:
            click.echo(f"{finding.grade.value:<5}{one_line(f'{finding.subject}: {finding.text}')}")
    if any(finding.grade is Grade.FAIL for finding in found):
        raise SystemExit(1)
