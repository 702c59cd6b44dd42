"""The demo as `gateway init` makes it, once for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from tests.demo_site import DEMO


def said(data: Path) -> str:
    """What `gateway doctor` says, a line for each finding."""
    return "\n".join(f"{it.subject}: {it.text}" for it in doctor.examine(data))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site") / "data"
    initialise(made, DEMO, demo=True)
    return made


@pytest.fixture(scope="module")
def demo(data: Path) -> Iterator[tuple[Path, Store]]:
    """Portal 1 opens the front door by action 1, portal 2 the back door by action 2."""
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        yield data, store
