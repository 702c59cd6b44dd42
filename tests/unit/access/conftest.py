from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.access.policy import Policy, compile_policy
from gateway.access.rows import PolicyRows
from gateway.access.slices import drain


@pytest.fixture(scope="session")
def compiled() -> Callable[[PolicyRows], Policy]:
    """Compiles at once."""
    return lambda rows: drain(compile_policy(rows))
