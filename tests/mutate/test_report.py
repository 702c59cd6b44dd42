"""What `make mutate` makes of mutmut's words."""

from __future__ import annotations

import pytest

from .__main__ import summary, survivors

STATS = {"killed": 88, "survived": 10, "no_tests": 1, "timeout": 1, "segfault": 0, "total": 200}


def test_survivors_are_those_that_no_test_noticed() -> None:
    results = """
    gateway.access.passback.x__within__mutmut_1: survived
    gateway.access.passback.x__within__mutmut_2: no tests
    gateway.access.passback.x__within__mutmut_3: not checked
    gateway.access.passback.x__within__mutmut_4: timeout
    """
    assert survivors(results) == [
        "gateway.access.passback.x__within__mutmut_1",
        "gateway.access.passback.x__within__mutmut_2",
    ]


@pytest.mark.parametrize(
    ("stats", "said"),
    [
        (STATS, "100 of 200 changes tried, 89 noticed (89.0%)"),
        (dict.fromkeys(STATS, 0), "0 of 0 changes tried, 0 noticed (none)"),
    ],
)
def test_the_figure_counts_what_was_tried(stats: dict[str, int], said: str) -> None:
    assert summary(stats) == said
