"""`make install` and `make uninstall`, in a root directory of their own.

The installer is the real one, and so are files, links and databases. What asks the machine or the
network (pip, apt, systemd, udev) is played by programs that write down how they were called.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .device import CONTROLLER, PAGE, hot_journal, tool

# The machine's interpreter: makes an environment out of the programs beside it.
PYTHON = """
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$4/bin" && cp "$STATE/environment" "$4/bin/python" && echo "made for $4" >"$4/bin/pip"
else exec {real} "$@"; fi
"""
# That of an environment: installs the project's files, makes and migrates databases.
ENVIRONMENT = """#!/bin/bash
here=$(dirname "$0")/..
echo "python $*" >>"$STATE/calls"
case "$2 $3" in
    "pip install")
        [ -e "$STATE/pip-fails" ] && exit 1
        mkdir -p "$here/lib/python3.11/site-packages/gateway/_share"
        cp -r "$STATE/share/." "$here/lib/python3.11/site-packages/gateway/_share"
        [ ! -e "$STATE/broken" ] || touch "$here/broken" ;;
    "gateway init")
        [ -e "$STATE/init-fails" ] && exit 1
        for name in journal store; do
            {real} -c "import sqlite3, sys
sqlite3.connect(sys.argv[1]).executescript('CREATE TABLE entry (value); PRAGMA user_version=1')" \\
                "$5/$name.db"
        done
        [ "$6" = --site ] && cp "$7" "$5/gateway.toml" || touch "$5/gateway.toml"
        echo "password  shown once" ;;
    "gateway device-rules") echo "# rules of $5" ;;
esac
exit 0
"""
# A start runs what the link names: a new release raises the databases' form, if it is to.
SYSTEMCTL = """
echo "systemctl $*" >>"$STATE/calls"
case "$*" in
    "start --no-block gateway.target")
        [ ! -e "$STATE/migrates" ] || {real} -c "import sqlite3, sys
sqlite3.connect(sys.argv[1]).executescript('PRAGMA user_version=2; DROP TABLE entry')" \\
            "$DESTDIR/var/lib/gateway/store.db"
        rm -f "$STATE/migrates" ;;
    "is-active"*) [ ! -e "$DESTDIR/opt/gateway/bin/../broken" ] ;;
    "show"*) echo 71; echo 72 ;;
esac
"""
TMPFILES = """
echo "systemd-tmpfiles $*" >>"$STATE/calls"
mkdir -p "$DESTDIR/var/lib/gateway/api"
"""
WRITES_A_ROW = """
{real} -c "import sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute('INSERT INTO entry VALUES (8)')" \\
    "$DESTDIR/var/lib/gateway/journal.db"
"""
SYSUSERS = """
echo "systemd-sysusers $*" >>"$STATE/calls"
for file in passwd group; do
    printf "gateway%s:x:%s::::\\n" "" 900 -controller 901 -api 902 >"$DESTDIR/etc/$file"
done
"""
NOTED = 'echo "$(basename "$0") $*" >>"$STATE/calls"'
FAILS = f"{NOTED}\nexit 1"
PROGRAMS = {
    "python3": PYTHON,
    "systemctl": SYSTEMCTL,
    "systemd-tmpfiles": TMPFILES,
    "systemd-sysusers": SYSUSERS,
    # Runs the command as whoever runs the tests.
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "udevadm": NOTED,
    "journalctl": NOTED,
    "apt-get": NOTED,
    "apt-cache": NOTED,
    "dpkg": FAILS,
    "userdel": NOTED,
    "groupdel": NOTED,
    "uname": "echo aarch64",
    # As long as it takes to be another second, which is what a release is named by.
    "date": 'echo x >>"$STATE/dates"; wc -l <"$STATE/dates"',
    "sleep": "",
}


class Machine:
    """A root directory and the programs that the installer meets."""

    def __init__(self, directory: Path, tree: Path) -> None:
        self.tree = tree
        self.top = directory / "top"
        self.state = directory / "state"
        self.programs = directory / "programs"
        for path in (self.top / "etc", self.state / "share", self.programs):
            path.mkdir(parents=True)
        (self.top / "etc/os-release").write_text("ID=raspbian\nID_LIKE=debian\n")
        for name, text in PROGRAMS.items():
            self.program(name, text)
        (self.state / "environment").write_text(ENVIRONMENT.replace("{real}", sys.executable))
        (self.state / "environment").chmod(0o755)
        for name in ("systemd", "udev"):
            shutil.copytree(tree / name, self.state / "share" / name)
        self.site = directory / "site.toml"
        self.site.write_text("[site]\n")

    def boot(self) -> None:
        """From now on there is a systemd at work."""
        (self.top / "run/systemd/system").mkdir(parents=True)

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text("#!/bin/bash\n" + text.replace("{real}", sys.executable) + "\n")
        path.chmod(0o755)

    def mark(self, what: str) -> None:
        (self.state / what).touch()

    def make(self, verb: str, **words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.tree / "systemd/installer"), verb],
            env={
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                "DESTDIR": str(self.top),
                "STATE": str(self.state),
                "START_TIME": "1",
                **words,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, **words: str) -> None:
        done = self.make("install", **{"SITE": str(self.site), **words})
        assert done.returncode == 0, done.stderr

    def calls(self, about: str) -> list[str]:
        lines = (self.state / "calls").read_text().splitlines()
        return [line for line in lines if about in line]

    @property
    def release(self) -> str:
        """The release that runs."""
        return (self.top / "opt/gateway/bin").resolve().parent.name

    @property
    def releases(self) -> set[str]:
        return {path.name for path in (self.top / "opt/gateway/releases").iterdir()}

    def sql(self, name: str, text: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.top / "var/lib/gateway" / name)) as database:
            rows = database.execute(text).fetchall()
            database.commit()
        return rows

    def user(self, name: str) -> int:
        lines = (self.top / "etc/passwd").read_text().splitlines()
        (found,) = (line.split(":")[2] for line in lines if line.startswith(f"{name}:"))
        return int(found)

    def files(self) -> set[str]:
        """Everything outside of the data, the backups and the machine's own."""
        mine = ("var", "run", "etc/os-release", "etc/passwd", "etc/group", "boot")
        return {
            str(path.relative_to(self.top))
            for path in self.top.rglob("*")
            if not path.is_dir() and not str(path.relative_to(self.top)).startswith(mine)
        }


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    return Machine(tmp_path, root)


@pytest.fixture
def running(machine: Machine) -> Machine:
    machine.boot()
    machine.install()
    return machine


def test_a_first_installation_lays_out_makes_the_data_and_starts(running: Machine) -> None:
    assert running.files() >= {
        "usr/lib/systemd/system/gateway-controller.service",
        "usr/lib/systemd/system/gateway-api.service",
        "usr/lib/systemd/system/gateway-relays.service",
        "usr/lib/systemd/system/gateway-system.service",
        "usr/lib/systemd/system/gateway-system.socket",
        "usr/lib/systemd/system/gateway.target",
        "usr/lib/sysusers.d/gateway.conf",
        "usr/lib/tmpfiles.d/gateway.conf",
        "usr/lib/systemd/system.conf.d/60-gateway-watchdog.conf",
        "usr/lib/modprobe.d/gateway.conf",
        "usr/share/polkit-1/rules.d/gateway.rules",
        "usr/share/polkit-1/rules.d/gateway-readers.rules",
        "usr/lib/udev/rules.d/60-gateway.rules",
        "etc/udev/rules.d/70-gateway-readers.rules",
    }
    assert running.releases == {running.release}
    assert (running.top / "usr/local/bin/gateway").readlink() == Path("/opt/gateway/bin/gateway")
    assert (running.top / "var/lib/gateway/gateway.toml").read_text() == "[site]\n"
    assert running.calls("systemctl start") == ["systemctl start --no-block gateway.target"]


def test_every_file_of_the_services_has_its_place(running: Machine, root: Path) -> None:
    installed = {Path(name).name for name in running.files() if name.startswith("usr/")}
    ours = (path for path in (root / "systemd").rglob("*.*") if path.is_file())
    # Those in `debian` are of the Debian package alone, those in `image` of the card.
    others = (root / "systemd/debian", root / "systemd/image")
    shipped = {path.name for path in ours if not any(it in path.parents for it in others)}
    assert shipped | {path.name for path in (root / "udev").iterdir()} <= installed


def test_the_units_start_the_program_that_the_link_names(running: Machine) -> None:
    link = running.top / "opt/gateway/bin"
    assert link.readlink() == Path(f"releases/{running.release}/bin")
    for name in ("gateway-controller", "gateway-api", "gateway-relays", "gateway-system"):
        unit = (running.top / f"usr/lib/systemd/system/{name}.service").read_text()
        assert re.search(r"^ExecStart=/opt/gateway/bin/gateway ", unit, re.MULTILINE)


def test_packages_come_from_a_directory_alone_when_one_is_named(
    machine: Machine, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "gateway-0.9.0-py3-none-any.whl").touch()
    (wheels / "gateway-0.10.0-py3-none-any.whl").touch()
    machine.install(WHEELS=str(wheels))
    locked, own = machine.calls("pip install")
    assert f"--no-index --find-links {wheels}" in locked
    assert f"--no-index --find-links {wheels}" in own
    assert own.endswith(f"--no-deps --no-build-isolation {wheels}/gateway-0.10.0-py3-none-any.whl")
    # Wheels that were built elsewhere have hashes of their own.
    requirements = Path(locked.rpartition(" ")[2]).read_text()
    assert re.findall(r"^peewee==[0-9.]+$", requirements, re.MULTILINE)
    assert "--hash" not in requirements


def test_packages_of_the_index_are_those_of_the_lock_file(machine: Machine, root: Path) -> None:
    machine.install()
    locked, own = machine.calls("pip install")
    assert locked.endswith(f"--require-hashes -r {root}/systemd/locked-requirements")
    assert own.endswith(f"--no-deps --no-build-isolation {root}")


def test_a_machine_without_wheels_of_the_index_takes_the_locked_versions(machine: Machine) -> None:
    machine.program("uname", "echo armv7l")
    assert "only their versions" in machine.make("install", SITE=str(machine.site)).stderr
    assert "--require-hashes" not in machine.calls("pip install")[0]


def test_a_journal_without_a_store_is_not_written_over(running: Machine) -> None:
    running.sql("journal.db", "INSERT INTO entry VALUES (7)")
    (running.top / "var/lib/gateway/store.db").unlink()
    done = running.make("install", SITE=str(running.site))
    assert (done.returncode, "restore a backup" in done.stderr) == (1, True)
    assert running.sql("journal.db", "SELECT value FROM entry") == [(7,)]


def test_the_environment_sees_debians_packages(machine: Machine) -> None:
    machine.program(
        "python3", 'echo "machine $*" >>"$STATE/calls"\n' + PYTHON.replace("{}", sys.executable)
    )
    machine.install()
    assert "--system-site-packages" in machine.calls("-m venv")[0]


def test_below_a_directory_nothing_is_started_and_no_path_leads_there(machine: Machine) -> None:
    machine.install()
    assert machine.calls("systemctl start") == []
    enabled = (
        "gateway.target gateway-controller.service gateway-api.service gateway-relays.service "
        "gateway-system.socket"
    )
    assert machine.calls("enable") == [f"systemctl --root={machine.top} enable -q {enabled}"]
    release = machine.top / "opt/gateway/releases" / machine.release
    assert (release / "bin/pip").read_text() == f"made for /opt/gateway/releases/{release.name}\n"


def test_an_upgrade_keeps_the_data_and_the_release_before_it(running: Machine) -> None:
    for _ in range(2):
        former = running.release
        running.sql("journal.db", "INSERT INTO entry VALUES (7)")
        running.install()
        assert running.release != former
        assert running.releases == {running.release, former}
    assert running.sql("journal.db", "SELECT count(*) FROM entry") == [(2,)]
    assert len(running.calls("gateway init")) == 1


def test_an_upgrade_backs_both_databases_up_while_nobody_writes(running: Machine) -> None:
    running.sql("journal.db", "INSERT INTO entry VALUES (7)")
    running.install()
    (backup,) = (running.top / "var/backups/gateway").iterdir()
    for path in (backup, backup / "journal.db", backup / "store.db"):
        assert path.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(backup / "journal.db")) as database:
        assert database.execute("SELECT value FROM entry").fetchall() == [(7,)]
    assert (backup / "store.db").exists()
    assert (backup / "gateway.toml").read_text() == "[site]\n"
    calls = [line.split()[1:3] for line in running.calls("systemctl st")]
    assert [verb for verb, _ in calls] == ["start", "stop", "stop", "start"]
    assert calls[2] == ["stop", "gateway-system.socket"]  # it runs the former release


def test_of_the_backups_three_are_kept(running: Machine) -> None:
    for _ in range(5):
        running.install()
    assert len(list((running.top / "var/backups/gateway").iterdir())) == 3


def test_a_release_that_does_not_come_up_is_undone(running: Machine) -> None:
    former = running.release
    files = running.files()
    (running.state / "share/systemd/gateway-more.service").write_text("[Unit]\n")
    running.mark("broken")
    done = running.make("install")
    assert done.returncode == 1
    assert "not ready within 1 s" in done.stderr
    assert "runs as before" in done.stderr
    assert (running.release, running.releases) == (former, {former})
    assert running.files() == files
    assert running.calls("journalctl")
    assert running.calls("systemctl st")[-1] == "systemctl start --no-block gateway.target"


def test_a_database_that_the_undone_release_migrated_is_that_of_before(running: Machine) -> None:
    running.sql("store.db", "INSERT INTO entry VALUES (7)")
    running.mark("broken")
    running.mark("migrates")
    done = running.make("install")
    assert "store.db was restored from before the upgrade" in done.stderr
    assert running.sql("store.db", "PRAGMA user_version") == [(1,)]
    assert running.sql("store.db", "SELECT value FROM entry") == [(7,)]


def test_a_database_of_the_same_form_keeps_what_was_written_meanwhile(running: Machine) -> None:
    running.program("journalctl", WRITES_A_ROW)
    running.mark("broken")
    assert running.make("install").returncode == 1
    assert running.sql("journal.db", "SELECT value FROM entry") == [(8,)]


def test_what_cannot_be_built_leaves_the_running_release_alone(running: Machine) -> None:
    former, files = running.release, running.files()
    running.mark("pip-fails")
    assert running.make("install").returncode == 1
    assert (running.release, running.releases) == (former, {former})
    assert running.files() == files
    assert running.calls("systemctl stop") == []


def test_a_first_installation_that_fails_leaves_nothing(machine: Machine) -> None:
    machine.boot()
    machine.mark("init-fails")
    assert machine.make("install", SITE=str(machine.site)).returncode == 1
    assert machine.files() == {"opt/gateway/lock"}


def test_a_file_that_a_release_no_longer_has_goes_with_the_upgrade(running: Machine) -> None:
    old = running.state / "share/systemd/polkit/gateway-old.rules"
    old.touch()
    running.install()
    assert "usr/share/polkit-1/rules.d/gateway-old.rules" in running.files()
    old.unlink()
    running.install()
    assert "usr/share/polkit-1/rules.d/gateway-old.rules" not in running.files()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "the first installation needs a site file: SITE=FILE"),
        ({"SITE": "/nowhere.toml"}, "SITE: /nowhere.toml cannot be read"),
        ({"SITE": "demo", "WHEELS": "/nowhere"}, "WHEELS: there is no directory /nowhere"),
        ({"SITE": "demo", "STRICT_GPIOD": "maybe"}, "STRICT_GPIOD must be yes or no, found maybe"),
        (
            {"SITE": "demo", "START_TIME": "long"},
            "START_TIME must be a number of seconds, found long",
        ),
        ({"SITE": "demo", "PYTHON": "python2"}, "Python 3.11, 3.12 or 3.13 is needed"),
    ],
)
def test_what_it_is_told_wrongly_it_names_before_it_touches_anything(
    machine: Machine, words: dict[str, str], why: str
) -> None:
    done = machine.make("install", **words)
    assert done.returncode == 1
    assert why in done.stderr
    assert machine.files() == set()


@pytest.mark.parametrize(
    ("program", "text", "why"),
    [
        ("uname", "echo riscv64", "no packages for riscv64"),
        ("python3", 'echo "Python 3.9.2"; [ "$1" = --version ]', "found Python 3.9.2"),
    ],
)
def test_a_machine_that_cannot_run_it_is_refused(
    machine: Machine, program: str, text: str, why: str
) -> None:
    machine.program(program, text)
    done = machine.make("install", SITE="demo", PYTHON="python3")
    assert (done.returncode, why in done.stderr) == (1, True)
    assert machine.files() == set()


def test_another_distribution_is_refused(machine: Machine) -> None:
    (machine.top / "etc/os-release").write_text("ID=fedora\n")
    done = machine.make("install", SITE="demo")
    assert (done.returncode, "Debian" in done.stderr) == (1, True)


CONFIG = "[pi4]\narm_boost=1\n"


@pytest.fixture(params=["boot/firmware/config.txt", "boot/config.txt"])
def config(machine: Machine, request: pytest.FixtureRequest) -> Path:
    path: Path = machine.top / request.param
    path.parent.mkdir(parents=True)
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize("words", [{}, {"STRICT_GPIOD": "no"}])
def test_config_txt_is_not_touched_unasked(
    machine: Machine, config: Path, words: dict[str, str]
) -> None:
    machine.install(**words)
    assert config.read_text() == CONFIG
    assert list(config.parent.glob("config.txt.*")) == []


def test_strict_gpiod_is_set_once_for_every_model_and_the_old_file_stays(
    machine: Machine, config: Path
) -> None:
    for _ in range(2):
        machine.install(STRICT_GPIOD="yes")
        assert config.read_text() == f"{CONFIG}\n[all]\ndtparam=strict_gpiod\n"
    assert config.with_name("config.txt.before-gateway").read_text() == CONFIG


def test_uninstalling_leaves_the_data_and_nothing_else(running: Machine) -> None:
    assert running.make("uninstall").returncode == 0
    assert running.files() == set()
    assert (running.top / "var/lib/gateway/store.db").exists()
    assert running.calls("userdel") == []
    running.make("install")
    assert running.sql("store.db", "PRAGMA user_version") == [(1,)]
    assert len(running.calls("gateway init")) == 1


def test_purging_takes_the_data_and_the_users_too(running: Machine) -> None:
    running.install()
    assert running.make("uninstall", PURGE="1").returncode == 0
    assert running.files() == set()
    assert list((running.top / "var/lib").iterdir()) == []
    assert list((running.top / "var/backups").iterdir()) == []
    assert [call.split()[-1] for call in running.calls("userdel")] == [
        "gateway-controller",
        "gateway-api",
        "gateway-system",
    ]


def test_uninstalling_twice_is_no_error(running: Machine) -> None:
    for _ in range(2):
        assert running.make("uninstall").returncode == 0


def test_make_calls_it(root: Path) -> None:
    # A make that runs these tests tells its children about itself.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "install", "uninstall"],
        cwd=root,
        env=alone,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["systemd/installer", "install", "systemd/installer", "uninstall"]


@pytest.fixture
def real(root: Path) -> Iterator[Machine]:
    """As `machine`, with real users, whose programs Debian's interpreter runs."""
    if os.geteuid() != 0 or not Path("/usr/bin/python3").exists():
        pytest.skip("only root can act as other users, and they cannot read every interpreter")
    with tempfile.TemporaryDirectory(prefix="gateway-installer-") as name:
        Path(name).chmod(0o755)
        made = Machine(Path(name), root)
        made.program("python3", PYTHON.replace("{real}", "/usr/bin/python3"))
        for program in ("systemd-sysusers", "systemd-tmpfiles", "setpriv"):
            tool(program)
            (made.programs / program).unlink()
        for directory in ("sysusers.d", "tmpfiles.d"):  # where both look without a release's
            (made.top / "usr/lib" / directory).mkdir(parents=True)
        made.install()
        yield made


def _journal(store: Path, victim: Path) -> None:
    path = store.with_name("store.db-journal")
    path.write_bytes(hot_journal(victim, store.stat().st_size // PAGE))
    shutil.chown(path, store.stat().st_uid)


def _link(store: Path, victim: Path) -> None:
    store.unlink()
    store.symlink_to(victim)


def _dangling_link(store: Path, victim: Path) -> None:
    store.unlink()
    store.symlink_to(victim.with_name("created"))


@pytest.mark.parametrize("prepare", [_journal, _link, _dangling_link])
@pytest.mark.parametrize("lost_journal", [False, True])
def test_root_opens_no_database_of_the_services_users(
    real: Machine, prepare: Callable[[Path, Path], None], *, lost_journal: bool
) -> None:
    data = real.top / "var/lib/gateway"
    store = data / "api/store.db"
    for name, user in (("api/store.db", "gateway-api"), ("controller/journal.db", CONTROLLER)):
        assert real.user(user) == (data / name).stat().st_uid
    victim = real.top.parent / "root/victim"
    victim.parent.mkdir()
    victim.write_bytes(store.read_bytes())
    prepare(store, victim)
    if lost_journal:
        (data / "controller/journal.db").unlink()
    before = {path.name: path.read_bytes() for path in victim.parent.iterdir()}
    real.make("install", SITE=str(real.site))
    assert {path.name: path.read_bytes() for path in victim.parent.iterdir()} == before


def test_an_upgrade_of_untouched_data_backs_them_up(real: Machine) -> None:
    real.sql("store.db", "INSERT INTO entry VALUES (7)")
    real.install()
    (backup,) = (real.top / "var/backups/gateway").iterdir()
    with closing(sqlite3.connect(backup / "store.db")) as database:
        assert database.execute("SELECT value FROM entry").fetchall() == [(7,)]
