"""Servers of every quality at the other end of a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.wild_server import WildServer


@pytest.fixture
def serve() -> Iterator[Callable[..., WildServer]]:
    """Starts servers that end with the test."""
    with ExitStack() as stack:

        def start(*args: Any, **named: Any) -> WildServer:
            server = WildServer(*args, **named)
            stack.callback(server.close)
            return server

        yield start
