"""What the doctor says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

import click

from gateway.cli.plain import one_line


class Grade(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    grade: Grade
    subject: str
    text: str


def report(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Print `findings`, a line each. Raises SystemExit with code 1 when one of them fails."""
    found = list(findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        for finding in found:
            click.echo(f"{finding.grade.value:<5}{one_line(f'{finding.subject}: {finding.text}')}")
    if any(finding.grade is Grade.FAIL for finding in found):
        raise SystemExit(1)
