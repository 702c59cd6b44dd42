"""What `gateway doctor` says of a server of the online modes that cannot be asked."""

from __future__ import annotations

from pathlib import Path

from gateway.cli.doctor import Grade, _in_force
from gateway.commands.provisioning import initialise
from gateway.link.messages import OnlineStatus
from tests.demo_site import DEMO
from tests.unit.statuses import AT_REST


def test_a_server_that_cannot_be_asked_fails(tmp_path: Path) -> None:
    data = tmp_path / "data"
    initialise(data, DEMO, demo=True)
    away = OnlineStatus(mode="pro", reachable=False, contingency=True, why="refused")
    [found] = _in_force(data, AT_REST.model_copy(update={"online": away}))
    assert (found.grade, found.subject) == (Grade.FAIL, "server")
    assert "this device decides meanwhile" in found.text
