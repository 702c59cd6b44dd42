"""What `make image` builds from, and what a flashed device does at its boots, with stand-ins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CODE = "abcd-efgh-jkmn-pqrs"

# Plays the program: refuses a file that holds "wrong", and makes data.
PROGRAM = f"""#!/bin/bash
shift 2
case $1 in
    network-file) grep -q wrong "$2" && {{ echo "gateway: $2: name: wrong" >&2; exit 1; }}
        grep -v password "$2" >"$5"
        sed -n 's/^name = "\\(.*\\)"/\\1/p' "$2" >"$TOP/etc/hostname" ;;
    check) (( $(stat -c %s "$2") <= 2000000 )) || exit 99
        ! grep -q wrong "$2" || {{ echo "gateway: $2: site: wrong" >&2; exit 1; }} ;;
    init) echo "init ${{*:4}}" >>"$TOP/calls"
        printf 'login     admin\\npassword  x\\nsetup     {CODE}\\n'
        echo "The code opens the first start on the page, once, at https://10.0.0.5/setup; ..." ;;
esac
"""
# What needs users and a service manager.
STAND_INS = """
initialise() { "$1" -m gateway init --data stage "${SITE}" 2>&1 && touch "$data/api/store.db"; }
code_waits() { [[ -e $code_file && ! -e $top/used ]]; }
apply_rules() { :; }
systemd-tmpfiles() { :; }
"""


class Boots:
    """The files of a device below a directory."""

    def __init__(self, root: Path, top: Path) -> None:
        self.top = top
        self.card = top / "boot/firmware"
        data = top / "var/lib/gateway"
        for directory in (self.card, top / "etc", top / "run", data / "api", data / "controller"):
            directory.mkdir(parents=True)
        (top / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (top / "etc/hostname").write_text("")
        (top / "program").write_text(PROGRAM)
        (top / "program").chmod(0o755)
        (data / "store.db").symlink_to("api/store.db")
        names = ("deployment", "debian/maintainer", "debian/provisioning")
        parts = [(root / f"systemd/{name}").read_text() for name in names]
        head = f"set -euo pipefail\ntop={top} version=1\n"
        script = "".join([head, *parts, f"program={top}/program\n", STAND_INS, "provision\n"])
        (top / "provision").write_text(script)

    def boot(self) -> str:
        done = subprocess.run(
            ["bash", self.top / "provision"],
            env={**os.environ, "TOP": str(self.top)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stderr

    def calls(self) -> list[str]:
        path = self.top / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def names(self) -> set[str]:
        return {it.name for it in self.card.iterdir()}

    def shown(self) -> str:
        return (self.top / "run/issue.d/60-gateway.issue").read_text()


@pytest.fixture
def boots(root: Path, tmp_path: Path) -> Boots:
    return Boots(root, tmp_path)


def test_the_first_boot_names_the_device_and_shows_its_code_everywhere(boots: Boots) -> None:
    boots.boot()
    name = (boots.top / "etc/hostname").read_text()
    assert name == "door-012345\n"
    text = (boots.card / "SETUP-CODE.txt").read_bytes()
    for shown in (text.decode(), boots.shown()):
        assert CODE in shown
        assert "https://door-012345.local/setup" in shown
    assert text.count(b"\r\n") == text.count(b"\n")
    assert boots.calls() == ["init new"]


def test_later_boots_make_nothing_anew_and_show_the_code_until_it_is_used(boots: Boots) -> None:
    boots.boot()
    boots.boot()
    assert boots.calls() == ["init new"]
    assert CODE in boots.shown()
    (boots.top / "used").touch()
    boots.boot()
    assert CODE not in boots.shown()
    assert boots.names() == set()
    assert "door-012345.local" in boots.shown()


def test_files_of_the_card_are_taken_and_no_password_stays_there(boots: Boots) -> None:
    (boots.card / "gateway.toml").write_text("[site]\n")
    # As an editor of Windows names it.
    (boots.card / "network.toml.txt").write_text('name = "depot"\n[wifi]\npassword = "secret"\n')
    boots.boot()
    assert boots.calls() == [f"init {boots.top}/run/gateway-site.toml"]
    assert boots.names() == {"SETUP-CODE.txt", "gateway.applied.toml", "network.applied.toml"}
    assert "secret" not in (boots.card / "network.applied.toml").read_text()
    assert "https://depot.local/setup" in boots.shown()


def test_what_was_taken_cannot_be_read_from_the_freed_space_of_the_card(boots: Boots) -> None:
    file = boots.card / "network.toml"
    file.write_text('name = "depot"\n[wifi]\npassword = "secret"\n')
    with file.open("rb") as freed:
        boots.boot()
        assert not file.exists()
        assert b"secret" not in freed.read()


def test_a_huge_site_file_of_the_card_fills_no_memory(boots: Boots) -> None:
    with (boots.card / "gateway.toml").open("wb") as file:
        file.write(b"wrong\n")
        file.truncate(300_000_000)
    boots.boot()
    assert (boots.card / "gateway.refused.txt").exists()
    assert not (boots.top / "run/gateway-site.toml").exists()
    assert CODE in boots.shown()


def test_wrong_files_are_refused_beside_them_and_the_page_comes_up(boots: Boots) -> None:
    for name in ("gateway.toml", "network.toml"):
        (boots.card / name).write_text("wrong\n")
    boots.boot()
    assert boots.calls() == ["init new"]
    for name in ("gateway", "network"):
        assert f"{name}.toml: " in (boots.card / f"{name}.refused.txt").read_text()
    assert str(boots.top) not in (boots.card / "gateway.refused.txt").read_text()
    assert CODE in boots.shown()


def test_a_site_file_that_was_corrected_is_taken_while_nobody_has_signed_in(boots: Boots) -> None:
    (boots.card / "gateway.toml").write_text("wrong\n")
    boots.boot()
    (boots.card / "gateway.toml").write_text("[site]\n")
    boots.boot()
    assert len(boots.calls()) == 2
    assert boots.names() == {"SETUP-CODE.txt", "gateway.applied.toml"}


def test_a_site_file_does_not_replace_the_data_of_a_device_that_is_set_up(boots: Boots) -> None:
    boots.boot()
    (boots.top / "used").touch()
    (boots.card / "gateway.toml").write_text("[site]\n")
    boots.boot()
    assert boots.calls() == ["init new"]
    assert "set up" in (boots.card / "gateway.refused.txt").read_text()


def test_a_first_boot_that_lost_power_is_made_anew(boots: Boots) -> None:
    half = boots.top / "var/lib/gateway/controller/journal.db"
    half.write_text("half")
    boots.boot()
    assert boots.calls() == ["init new"]
    assert not half.exists()
    assert (boots.top / "data/aside/journal.db").read_text() == "half"


def test_the_image_mounts_the_partitions_that_it_has(root: Path) -> None:
    script = (root / ".ci/image").read_text()
    made = set(re.findall(r"-[Ln] (GATEWAY|gateway-\w+)", script))
    table = re.sub(r"#.*", "", (root / "systemd/image/root/etc/fstab").read_text())
    mounted = set(re.findall(r"^LABEL=(\S+)", table, re.MULTILINE))
    assert made == mounted == {"GATEWAY", "gateway-root", "gateway-data"}
    assert "swap" not in table


def test_systemd_accepts_the_unit_that_grows_the_data_partition(root: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    unit = tmp_path / "gateway-grow.service"
    text = (root / "systemd/image/root/etc/systemd/system/gateway-grow.service").read_text()
    unit.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    words = [analyze, "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_layer_of_raspberry_pi_os_names_files_of_ours(root: Path, tmp_path: Path) -> None:
    text = (root / "systemd/image/rpi-image-gen/layer/gateway.yaml").read_text()
    head, _, body = text.partition("---\n")
    fields = dict(re.findall(r"^# (X-Env-[\w-]+): ?(.*)$", head, re.MULTILINE))
    assert head.startswith("# METABEGIN\n")
    assert head.endswith("# METAEND\n")
    assert fields["X-Env-Layer-Name"] == "gateway"
    overlay = fields["X-Env-Var-overlay"].replace(
        "${DIRECTORY}", str(root / "systemd/image/rpi-image-gen/layer")
    )
    for file in re.findall(r"for file in (.*); do", body)[0].split():
        assert (Path(overlay) / file).is_file(), file
    for unit in re.findall(r"systemctl enable (\S+)", body):
        assert (root / "systemd/debian" / unit).is_file(), unit
    hooks = re.findall(r"^    - \|-\n((?:      .*\n)+)", body, re.MULTILINE)
    assert len(hooks) == 3
    for hook in hooks:
        (tmp_path / "hook").write_text(hook)
        subprocess.run(["sh", "-n", tmp_path / "hook"], check=True)
    config = (root / "systemd/image/rpi-image-gen/config/gateway-pi5.yaml").read_text()
    assert f"app: {fields['X-Env-Layer-Name']}\n" in config


@pytest.mark.parametrize(
    ("command", "answer"), [("uname", "Linux aarch64"), ("id", "1000")], ids=["machine", "user"]
)
def test_a_machine_that_cannot_build_it_is_told_loudly(
    command: str, answer: str, root: Path, tmp_path: Path
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(root / ".ci/image", tmp_path / ".ci/image")
    stand_ins = {"uname": "Linux x86_64", command: answer}
    for name, text in stand_ins.items():
        program = tmp_path / "stand-in" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/bash\necho "{text}"\n')
        program.chmod(0o755)
    path = f"{tmp_path / 'stand-in'}:{os.environ['PATH']}"
    done = subprocess.run(
        [".ci/image"], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 75
    assert "THE IMAGE WAS NOT BUILT AND NOT TESTED" in done.stderr
    assert not (tmp_path / ".image").exists()
