"""What `gateway doctor` says of threat levels that let nobody pass or do nothing."""

from __future__ import annotations

import pytest

from gateway.access.policy import compile_policy
from gateway.access.rows import LinkRow, PolicyRows, ThreatLevelRow
from gateway.access.slices import drain
from gateway.cli.doctor.rules import threat_findings


@pytest.mark.parametrize(
    ("flags", "groups", "said"),
    [
        ((1, 1, 1), (), "lists no group, so nobody passes"),
        ((1, 0, 0), (4,), None),
        ((0, 0, 0), (), "changes nothing"),
        ((0, 1, 0), (), None),
    ],
)
def test_a_level_that_surprises_is_named(
    flags: tuple[int, int, int], groups: tuple[int, ...], said: str | None
) -> None:
    rows = PolicyRows(
        version=1,
        threat_levels=[ThreatLevelRow(9, 2, "guards", *flags)],
        threat_level_groups=[LinkRow(9, group) for group in groups],
    )
    found = list(threat_findings(drain(compile_policy(rows))))
    assert [it.subject for it in found] == (["threat level 2 (guards)"] if said else [])
    assert all(said and said in it.text for it in found)
