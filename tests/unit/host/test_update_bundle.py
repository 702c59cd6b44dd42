"""Signed updates: what is taken, and what is refused and named."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.clock import boot_id
from gateway.errors import DeviceUnavailable, NotSupportedHere
from gateway.host.signatures import OPENSSL, verified_by_library, verified_by_openssl
from gateway.host.update_bundle import (
    UpdateFacts,
    UpdateKey,
    UpdateRefused,
    check_bundle,
    check_fits,
    public_part,
    read_keys,
    sign_bundle,
)
from gateway.host.update_install import (
    LARGEST_NOTE,
    NOTE,
    UpdateNote,
    UpdateOutcome,
    UpdateStep,
    installed_version,
    last_update,
    prepared,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
PACKAGE = bytes(range(256)) * 40
FACTS = UpdateFacts("1.2.0", "deb13", "arm64", "1.0.0", len(PACKAGE), public_part(KEY).fingerprint)


def signed(key: Ed25519PrivateKey = KEY, facts: UpdateFacts = FACTS) -> bytes:
    target = io.BytesIO()
    sign_bundle(io.BytesIO(PACKAGE), target, facts, key)
    return target.getvalue()


def checked(bundle: bytes, *keys: Ed25519PrivateKey) -> UpdateFacts:
    return check_bundle(io.BytesIO(bundle), [public_part(key) for key in keys or (KEY,)])


def refusal(bundle: bytes) -> str:
    with pytest.raises(UpdateRefused) as caught:
        checked(bundle)
    return str(caught.value)


def test_a_signed_update_says_what_it_is_and_stands_at_its_package() -> None:
    file = io.BytesIO(signed())
    assert check_bundle(file, [public_part(STRANGER), public_part(KEY)]) == FACTS
    assert file.read() == PACKAGE


def test_every_cut_is_refused() -> None:
    bundle = signed()
    head = len(bundle) - len(PACKAGE)
    for length in [*range(head + 3), len(bundle) - 1]:
        assert refusal(bundle[:length])
    assert f"cut off: {len(PACKAGE) - 1} of {len(PACKAGE)} bytes" in refusal(bundle[:-1])


def test_every_changed_byte_is_refused_but_in_the_comment_that_nobody_signs() -> None:
    bundle = signed()
    lines = bundle.split(b"\n")
    free = range(len(lines[0]) + 1 + len(b"untrusted comment: "), len(lines[0]) + len(lines[1]) + 1)
    for at in range(len(bundle) - len(PACKAGE) + 2):
        changed = bytearray(bundle)
        changed[at] ^= 1
        if at in free and changed[at] < 128 and changed[at] != ord("\n"):
            assert checked(bytes(changed)) == FACTS
        else:
            assert refusal(bytes(changed)), at
    assert "changed after it was signed" in refusal(bundle[:-1] + b"!")


def test_more_than_was_signed_is_refused() -> None:
    assert "3 bytes too many" in refusal(signed() + b"..!")


def test_a_strangers_key_is_named() -> None:
    assert f"key {public_part(STRANGER).name}, unknown" in refusal(signed(STRANGER))


def test_a_strangers_signature_under_a_known_keys_name_is_forged() -> None:
    lines = signed(STRANGER).split(b"\n", 5)
    raw = base64.b64decode(lines[2])
    lines[2] = base64.b64encode(raw[:2] + public_part(KEY).key_id + raw[10:])
    assert "forged" in refusal(b"\n".join(lines))


def test_facts_of_another_update_cannot_be_put_before_a_package() -> None:
    old = signed(facts=replace(FACTS, version="1.1.0")).split(b"\n", 5)
    new = signed().split(b"\n", 5)
    new[3] = old[3]
    assert "forged" in refusal(b"\n".join(new))


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        (b"", "no update of the gateway"),
        (PACKAGE, "no update of the gateway"),
        (b"!<arch>\n" + PACKAGE, "no update of the gateway"),
        (signed().replace(b"gateway-update 1", b"gateway-update 2", 1), "has form 2"),
        (b"gateway-update 1\n" + PACKAGE, "carries no signature"),
        (b"gateway-update 1\nno comment\n", "carries no signature"),
    ],
    ids=["empty", "noise", "bare package", "newer form", "noise behind a head", "unsigned"],
)
def test_what_is_no_update_is_named(bundle: bytes, why: str) -> None:
    assert why in refusal(bundle)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ({"architecture": "amd64"}, "is for arm64, this device is amd64"),
        ({"release": "deb12"}, "is for deb13, this device has deb12"),
        ({"version": "0.9.0"}, "needs release 1.0.0 or newer, 0.9.0 is installed"),
        ({"version": "1.2.0"}, "release 1.2.0 is installed, this update is 1.2.0"),
        ({"version": "1.10.0"}, "release 1.10.0 is installed, this update is 1.2.0"),
    ],
    ids=lambda it: str(it)[:30],
)
def test_an_update_that_does_not_fit_is_refused_by_name(device: dict[str, str], why: str) -> None:
    words: dict[str, Any] = {
        "version": "1.1.0",
        "release": "deb13",
        "architecture": "arm64",
        **device,
    }
    with pytest.raises(UpdateRefused, match=why):
        check_fits(FACTS, **words)


def test_an_older_release_is_taken_when_asked_for() -> None:
    check_fits(FACTS, version="2.0.0", release="deb13", architecture="arm64", older=True)


def test_a_key_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "update.pub"
    file.write_text(public_part(KEY).write())
    assert read_keys([tmp_path / "none", file]) == [public_part(KEY)]
    assert UpdateKey.read(file.read_text()).fingerprint == FACTS.signed_by


@pytest.mark.parametrize("text", ["", "untrusted comment: x\nnonsense\n", "x\nRWQ=\n"])
def test_a_key_that_cannot_be_read_stops_updates_and_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "update.pub"
    file.write_text(text)
    with pytest.raises(NotSupportedHere, match=r"update\.pub cannot be read"):
        read_keys([file])


def test_without_a_key_no_update_is_taken(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedHere, match="knows no key"):
        read_keys([tmp_path / "none"])


def test_minisign_takes_the_signature_and_the_key(tmp_path: Path) -> None:
    program = shutil.which("minisign")
    if program is None:
        pytest.skip("minisign is not installed")
    (tmp_path / "update.pub").write_text(public_part(KEY).write())
    lines = signed().split(b"\n", 6)
    (tmp_path / "gateway.deb").write_bytes(lines[6])
    (tmp_path / "gateway.deb.minisig").write_bytes(b"\n".join([*lines[1:5], b""]))
    words = [program, "-V", "-p", "update.pub", "-m", "gateway.deb"]
    answer = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"Trusted comment: {FACTS.comment}" in answer.stdout


def test_a_link_is_not_followed_to_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "secret").write_bytes(signed())
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with (
        pytest.raises(UpdateRefused, match="cannot be read"),
        prepared(tmp_path / "link", tmp_path / "work"),
    ):
        pass
    assert not (tmp_path / "work/private").exists()


@pytest.mark.parametrize(
    ("said", "error", "why"),
    [
        ("", NotSupportedHere, "updates need the Debian package"),
        ("not-installed ", NotSupportedHere, "updates need the Debian package"),
        ("config-files 1.0.0~deb13", NotSupportedHere, "updates need the Debian package"),
        ("installed 1.0.0", NotSupportedHere, "updates need the Debian package"),
        ("half-configured 1.0.0~deb13", DeviceUnavailable, "try again in some minutes"),
        ("unpacked 1.0.0~deb13", DeviceUnavailable, "try again in some minutes"),
    ],
)
def test_what_dpkg_says_of_the_package_is_told_apart(
    said: str, error: type[Exception], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], 0, said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(error, match=why):
        installed_version()


def note(**words: Any) -> UpdateNote:
    at = datetime(2026, 11, 28, 10, tzinfo=UTC)
    return UpdateNote(**{"outcome": UpdateOutcome.RUNS, "at": at, **NAMES, **words})


NAMES = {"former": "1.0.0", "version": "1.2.0", "signed_by": "0123"}


def test_a_note_is_read_as_it_was_written() -> None:
    full = note(step=UpdateStep.START, because="x", said=("a", "b"), boot="c")
    assert UpdateNote.read(full.write().encode()) == full


def test_a_note_follows_what_the_scripts_say() -> None:
    steps = [note()]
    for line in ("step keep: keeping the former release", "step newer: of a later release", "x"):
        steps.append(steps[-1].heard(line))
    assert [it.step for it in steps] == [None, *[UpdateStep.KEEP] * 3]
    assert steps[-1].ended(0).outcome is UpdateOutcome.DONE
    assert steps[-1].ended(1).outcome is UpdateOutcome.FAILED
    back = steps[-1].heard("not upgraded; 1.0.0~deb13 runs as before, because api: it broke")
    assert (back.ended(1).outcome, back.ended(1).because) == ("went_back", "api: it broke")
    for number in range(100):
        back = back.heard(f"{number}" * 1_000)
    assert len(back.write()) < LARGEST_NOTE


@pytest.mark.parametrize(
    "change",
    [
        {"form": 2},
        {"outcome": "other"},
        {"step": "other"},
        {"at": "yesterday"},
        {"said": "x"},
        {"said": [1]},
        {"former": None},
    ],
)
def test_a_note_that_cannot_be_used_is_none(change: dict[str, Any], tmp_path: Path) -> None:
    found = {**json.loads(note().write()), **change}
    (tmp_path / NOTE).write_text(json.dumps(found))
    assert last_update(tmp_path) is None
    (tmp_path / NOTE).write_text("[]")
    assert last_update(tmp_path) is None


def test_an_installation_that_a_power_cut_ended_is_told_as_failed(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text(note(boot="another").write())
    found = last_update(tmp_path)
    assert found is not None
    assert (found.outcome, found.because) == ("failed", "the machine was restarted")
    (tmp_path / NOTE).write_text(note(boot=boot_id()).write())
    assert last_update(tmp_path) == note(boot=boot_id())


@pytest.mark.skipif(not Path(OPENSSL).exists(), reason="openssl is not installed")
def test_openssl_and_the_library_agree_about_signatures() -> None:
    signature, public = KEY.sign(b"message"), public_part(KEY).public
    damaged = bytes([signature[0] ^ 1]) + signature[1:]
    for verified in (verified_by_library, verified_by_openssl):
        assert verified(public, signature, b"message")
        assert not verified(public, signature, b"massage")
        assert not verified(public, damaged, b"message")
        assert not verified(public_part(STRANGER).public, signature, b"message")
    file = io.BytesIO(signed())
    assert check_bundle(file, [public_part(KEY)], verified_by_openssl) == FACTS
    assert file.read() == PACKAGE
