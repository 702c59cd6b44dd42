"""The life of the Debian package in empty Debian 12 and 13, each with a service manager at work.

The tests of a release share one container, and each goes on where the one before it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import __version__
from gateway.host.update_bundle import public_part

from .container import Container, eventually
from .packages import built, signed_update, variant

API, CONTROLLER = "gateway-api.service", "gateway-controller.service"
SAFE_PAGE = "gateway-safe.service"
API_MODULE = "/usr/lib/gateway/lib/python3*/site-packages/gateway/api/__init__.py"
START_TIME = "60"
BACKUPS = Path("/var/backups/gateway")
NEXT, BAD, AFTER = "900.1.0", "900.2.0", "900.3.0"
PEOPLE = 500
NOTE = "/var/lib/gateway-update/state.json"
ASK_FOR_UPDATE = (
    "from pathlib import Path; from gateway.host.update_request import ask_for_update; "
    "ask_for_update(Path('/run/gateway-update'))"
)


@dataclass
class PackageLife:
    """A container with the releases that it is to see."""

    container: Container
    release: str
    now: Path
    next: Path
    bad: Path
    after: Path

    def install(self, package: Path, *, fails: bool = False, **variables: str) -> str:
        path = self.container.copy(package)
        words = ("dpkg", "-i", path)
        return self.container.run(
            *words, codes=(1,) if fails else (0,), START_TIME=START_TIME, **variables
        )

    @property
    def state(self) -> str:
        """dpkg's state and version of the package."""
        words = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", "gateway")
        return self.container.run(*words, codes=(0, 1)).strip()

    def is_installed(self, version: str) -> bool:
        return self.state == f"ii {version}~{self.release}"

    def runs(self) -> bool:
        return all(self.container.unit(unit)[0] == "active" for unit in (API, CONTROLLER))

    def version(self) -> str:
        return self.container.run("gateway", "version").strip()

    def people(self) -> int:
        (count,) = self.container.ask(
            ("load_objects", {"object": "users", "fields": ["COUNT(*)"]})
        )["users"]
        return int(next(iter(count.values())))

    def openings(self) -> int:
        """How often door 1 was opened, by the log."""
        wanted = {"object": "access_logs", "where": {"access_logs": {"portal_id": 1}}}
        return len(self.container.ask(("load_objects", wanted))["access_logs"])


@pytest.fixture(scope="module", params=[("deb12", "bookworm"), ("deb13", "trixie")], ids=str)
def life(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PackageLife]:
    release, code = request.param
    directory = tmp_path_factory.mktemp(release)
    now = built(release)
    with Container(code, directory) as container:
        yield PackageLife(
            container,
            release,
            now,
            variant(now, NEXT, directory),
            variant(now, BAD, directory, broken=True),
            variant(now, AFTER, directory),
        )


def open_door(life: PackageLife) -> None:
    before = life.openings()
    action: dict[str, Any] = {"actions": [{"action": "door", "parameters": "door=1"}]}
    life.container.ask(("execute_actions", action))
    eventually(lambda: life.openings() > before, "the opening in the log")


def test_it_installs_without_a_network_and_both_services_run(life: PackageLife) -> None:
    told = life.install(life.now, SITE="demo")
    assert "password" in told
    assert life.is_installed(__version__)
    assert life.runs()
    assert life.version() == f"gateway {__version__}"


def test_a_door_opens(life: PackageLife) -> None:
    life.container.set_password()
    open_door(life)


def test_children_and_programs_take_modules_of_the_package_alone(life: PackageLife) -> None:
    life.container.run("mkdir", "-p", "/root/elsewhere/gateway")
    life.container.run("sh", "-c", "echo raise SystemExit >/root/elsewhere/gateway/__init__.py")
    told = life.container.run("sh", "-c", "cd /root/elsewhere && gateway version")
    assert told.strip() == f"gateway {__version__}"
    life.container.run("gateway", "doctor", "--data", "/var/lib/gateway", codes=(0, 1))


def test_an_upgrade_keeps_a_filled_store_and_backs_it_up(life: PackageLife) -> None:
    people = [{"name": f"Person {n}", "registration": f"R{n}"} for n in range(PEOPLE)]
    life.container.ask(("create_objects", {"object": "users", "values": people}))
    before = life.people()
    assert before >= PEOPLE
    # A key of the site file that a former release had.
    words = ("sed", "-i", '/^kind = "wiegand"/a edges = "pins"', "/var/lib/gateway/gateway.toml")
    life.container.run(*words)
    life.install(life.next)
    assert life.is_installed(NEXT)
    assert life.runs()
    assert life.version() == f"gateway {NEXT}"
    assert life.people() == before
    told = life.container.run("gateway", "doctor", "--data", "/var/lib/gateway", codes=(0, 1))
    assert "edges: is ignored since" in told
    listed = life.container.run("sh", "-c", f"ls {BACKUPS}/*/*.db {BACKUPS}/former.deb")
    assert len(listed.split()) == 3
    open_door(life)


def test_an_upgrade_that_does_not_come_up_goes_back(life: PackageLife) -> None:
    before = life.people()
    told = life.install(life.bad, fails=True)
    assert "a release that does not start" in told
    because = "because gateway-api.service: RuntimeError: a release that does not start"
    assert f"{NEXT}~{life.release} runs as before, {because}" in told
    assert life.runs()
    assert life.version() == f"gateway {NEXT}"
    assert life.people() == before
    process = life.container.unit(CONTROLLER)
    eventually(lambda: life.is_installed(NEXT), "dpkg's note of the former release")
    assert life.container.unit(CONTROLLER) == process  # it was not stopped once more
    open_door(life)


def test_nothing_is_left_of_a_release_that_went_back(life: PackageLife) -> None:
    told = life.container.run("dpkg", "--verify", "gateway")
    assert told == ""
    scripts = life.container.run("dpkg-query", "--control-list", "gateway").split()
    assert {"md5sums", "preinst", "postinst", "prerm", "postrm"} <= set(scripts)


def test_a_downgrade_keeps_the_data(life: PackageLife) -> None:
    before = life.people()
    life.install(life.now)
    assert life.is_installed(__version__)
    assert life.runs()
    assert life.people() == before
    open_door(life)


def test_a_release_that_fails_three_times_later_goes_back(life: PackageLife) -> None:
    life.install(life.next)
    life.container.run("test", "-e", BACKUPS / "probation")
    life.container.run("sh", "-c", f"echo 'raise RuntimeError' >>$(echo {API_MODULE})")
    life.container.run("systemctl", "restart", "--no-block", API)
    eventually(lambda: life.is_installed(__version__), "the former release")
    eventually(life.runs, "both services")
    assert life.version() == f"gateway {__version__}"
    life.container.run("test", "!", "-e", BACKUPS / "probation")
    open_door(life)


def test_a_signed_update_is_installed_and_a_forged_one_touches_nothing(
    life: PackageLife, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    update = signed_update(life.next, key, tmp_path / "next.update")
    (tmp_path / "forged.update").write_bytes(update.read_bytes()[:-1] + b"!")
    good, forged = (life.container.copy(tmp_path / f"{name}.update") for name in ("next", "forged"))
    told = life.container.run("gateway", "update", good, codes=(1,))
    assert "knows no key" in told
    life.container.run("mkdir", "-p", "/etc/gateway")
    life.container.run("sh", "-c", f"printf '{public_part(key).write()}' >/etc/gateway/update.pub")
    process = life.container.unit(CONTROLLER)
    told = life.container.run("gateway", "update", forged, codes=(1,))
    assert "was changed after it was signed" in told
    assert life.container.unit(CONTROLLER) == process
    told = life.container.run("gateway", "update", good)
    assert f"release {NEXT} runs" in told
    assert life.is_installed(NEXT)
    assert life.runs()
    assert "is installed" in life.container.run("gateway", "update", good, codes=(1,))
    open_door(life)


def test_a_signed_update_that_does_not_come_up_goes_back(life: PackageLife, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    life.container.run("sh", "-c", f"printf '{public_part(key).write()}' >/etc/gateway/update.pub")
    bad = life.container.copy(signed_update(life.bad, key, tmp_path / "bad.update"))
    told = life.container.run("gateway", "update", bad, codes=(1,), START_TIME="20")
    assert f"release {BAD} is not installed" in told
    eventually(lambda: life.is_installed(NEXT), "dpkg's note of the former release")
    assert life.runs()
    note = json.loads(life.container.run("cat", NOTE))
    assert (note["outcome"], note["former"], note["version"]) == ("went_back", NEXT, BAD)
    assert note["because"] == "gateway-api.service: RuntimeError: a release that does not start"
    life.container.run("rm", "-r", "/etc/gateway")


def test_an_update_that_the_api_was_sent_is_installed_by_root(
    life: PackageLife, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    life.container.run("mkdir", "-p", "/etc/gateway")
    life.container.run("sh", "-c", f"printf '{public_part(key).write()}' >/etc/gateway/update.pub")
    sent = life.container.copy(signed_update(life.after, key, tmp_path / "after.update"))
    words = ("install", "-o", "gateway-api", "-g", "gateway", "-m", "600")
    life.container.run(*words, sent, "/var/lib/gateway/api/update")

    # The demo's simulated board keeps the API itself from asking.
    def ask_as(user: str) -> str:
        words = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups")
        program = ("/usr/lib/gateway/bin/python", "-c", ASK_FOR_UPDATE)
        return life.container.run(*words, *program, codes=(0, 1))

    assert "cannot be reached (Permission denied)" in ask_as("gateway-controller")
    assert ask_as("gateway-api") == ""
    eventually(lambda: life.is_installed(AFTER), "the update")
    eventually(lambda: '"done"' in life.container.run("cat", NOTE), "the note of the update")
    assert life.runs()
    life.container.run("test", "!", "-e", "/var/lib/gateway/api/update")
    assert life.container.ask(("update_state", {}))["last"]["version"] == AFTER
    open_door(life)
    life.container.run("rm", "-r", "/etc/gateway")


def test_a_machine_with_the_source_installation_is_refused_untouched(life: PackageLife) -> None:
    process = life.container.unit(CONTROLLER)
    life.container.run("sh", "-c", "mkdir -p /opt/gateway && touch /opt/gateway/files")
    told = life.install(life.next, fails=True)
    assert "sudo make uninstall" in told
    life.container.run("rm", "-r", "/opt/gateway")
    assert life.is_installed(AFTER)
    assert life.container.unit(CONTROLLER) == process


def test_an_api_that_fails_again_and_again_gives_way_to_a_page_of_its_own(
    life: PackageLife,
) -> None:
    """It is not new, so there is nothing to go back to by itself."""
    life.container.run("rm", "-f", BACKUPS / "probation")
    controller = life.container.unit(CONTROLLER)
    file = life.container.run("sh", "-c", f"echo {API_MODULE}").strip()
    life.container.run("cp", file, "/root/api")
    life.container.run("sh", "-c", f"echo 'raise RuntimeError(\"it broke\")' >>{file}")
    life.container.run("systemctl", "restart", "--no-block", API)
    eventually(lambda: life.container.unit(SAFE_PAGE)[0] == "active", "the safe page")
    shown = eventually(lambda: life.container.fetch("http://127.0.0.1:8080/"), "an answer")
    assert f"<dd>{AFTER}~{life.release}</dd>" in shown
    assert "the doors work as usual" in shown
    assert "it broke" not in shown  # a line of the log
    assert life.container.unit(CONTROLLER) == controller
    life.container.run("cp", "/root/api", file)
    life.container.run("systemctl", "start", API)
    assert life.container.unit(SAFE_PAGE)[0] == "inactive"
    open_door(life)


def test_removing_keeps_the_data_and_a_new_installation_uses_them(life: PackageLife) -> None:
    before = life.people()
    life.container.run("dpkg", "-r", "gateway")
    assert life.state.startswith("rc")
    life.container.run("test", "!", "-e", "/usr/lib/gateway")
    life.container.run("test", "-e", "/var/lib/gateway/store.db")
    life.install(life.now)
    assert life.runs()
    assert life.people() == before


def test_purging_leaves_nothing(life: PackageLife) -> None:
    life.container.run("dpkg", "-P", "gateway")
    left = life.container.run("find", "/etc", "/usr", "/var", "/run", "-path", "*gateway*")
    assert [it for it in left.splitlines() if "journal" not in it] == []
    for name in ("passwd", "group"):
        assert "gateway" not in life.container.run("cat", f"/etc/{name}")
    assert life.container.run("systemctl", "list-units", "--all", "--no-legend", "gateway*") == ""
