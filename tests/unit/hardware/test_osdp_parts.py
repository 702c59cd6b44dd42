"""The pure parts of OSDP: messages, keys, polls and supervision."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.captures import FrameCapture
from gateway.credentials.wiegand import FORMATS, encode
from gateway.errors import BrokenFrame, DamagedFile
from gateway.hardware.captures import ReaderCaptures
from gateway.hardware.events import Health
from gateway.hardware.osdp.keys import SCBK_D, KeyFile, ReaderKeys, check_key, new_key
from gateway.hardware.osdp.library import PortChannel
from gateway.hardware.osdp.messages import (
    CardBits,
    ChannelChanged,
    InputReport,
    KeysTyped,
    LocalStatus,
    PresenceChanged,
    message_of,
)
from gateway.hardware.osdp.polls import PollCounter, address_of, needs_channel, next_message
from gateway.hardware.osdp.reads import OsdpReads
from gateway.hardware.osdp.supervision import (
    ASKED_MS,
    ASKED_SELDOM_MS,
    DISABLED_MS,
    GRACE_MS,
    LONGEST_RETRY_MS,
    MISSED_POLLS,
    OFTEN,
    RETRY_MS,
    LinkEffect,
    LinkEvent,
    LinkState,
    PollAnswered,
    PollMissed,
    Protection,
    TimeElapsed,
    supervise,
)
from gateway.sealing import Sealer
from gateway.settings import OsdpReader

CARD = {"event": 1, "reader_no": 0, "format": 1, "direction": 0}


class TestMessages:
    @given(st.text("01", min_size=1, max_size=200))
    def test_a_card_has_the_bits_that_were_sent(self, bits: str) -> None:
        size = -(-len(bits) // 8)
        data = int(bits.ljust(8 * size, "0"), 2).to_bytes(size)
        assert message_of({**CARD, "length": len(bits), "data": data}) == CardBits(bits)

    @pytest.mark.parametrize(
        ("length", "data"), [(0, b""), (9, b"\1"), (513, bytes(65)), (-1, b"")]
    )
    def test_a_length_that_the_bytes_do_not_have_is_no_card(self, length: int, data: bytes) -> None:
        with pytest.raises(BrokenFrame):
            message_of({**CARD, "length": length, "data": data})

    def test_text_is_no_card(self) -> None:
        with pytest.raises(BrokenFrame, match="raw bits"):
            message_of({**CARD, "format": 2, "length": 8, "data": b"1"})

    def test_both_forms_of_star_and_hash_are_keys(self) -> None:
        typed = message_of({"event": 2, "reader_no": 0, "data": b"0*9\x7f1#2\r"})
        assert typed == KeysTyped("0*9*1#2#")
        assert "9" not in repr(typed)

    def test_other_characters_are_no_keys_and_are_not_shown(self) -> None:
        with pytest.raises(BrokenFrame) as refused:
            message_of({"event": 2, "reader_no": 0, "data": b"12A"})
        assert "12" not in str(refused.value)

    @pytest.mark.parametrize(
        ("event", "message"),
        [
            ({"event": 4, "type": 0, "report": b"\0\1"}, InputReport((False, True))),
            ({"event": 4, "type": 2, "report": b"\1\0"}, LocalStatus(tamper=True, power=False)),
            ({"event": 4, "type": 2, "report": b""}, LocalStatus(tamper=False, power=False)),
            ({"event": 4, "type": 1, "report": b"\1"}, None),
            ({"event": 5, "type": 1, "arg0": 1, "arg1": 1}, ChannelChanged(True, True)),
            ({"event": 5, "type": 2, "arg0": 0, "arg1": 77}, PresenceChanged(False)),
            ({"event": 3, "vendor_code": 1, "data": b""}, None),
        ],
    )
    def test_status_and_notifications_are_told_apart(
        self, event: dict[str, Any], message: object
    ) -> None:
        assert message_of(event) == message


class TestKeys:
    @pytest.mark.parametrize(
        "key",
        [
            SCBK_D,
            bytes(16),
            b"\xff" * 16,
            b"ab" * 8,
            b"abcd" * 4,
            b"abcdefgh" * 2,
            bytes(range(16)),
            bytes(range(16, 0, -1)),
            b"short",
            bytes(32),
        ],
    )
    def test_keys_that_everybody_knows_or_guesses_are_refused(self, key: bytes) -> None:
        with pytest.raises(ValueError, match="key"):
            check_key(key)
        with pytest.raises(ValueError, match="key"):
            ReaderKeys().offered(key)

    def test_the_old_key_stays_until_the_new_one_is_proved(self) -> None:
        old, new = new_key(), new_key()
        keys = ReaderKeys(old).offered(new)
        assert keys.candidates == (old, new)
        assert keys.proved(old) == keys
        assert keys.proved(new) == ReaderKeys(new)
        assert keys.withdrawn() == ReaderKeys(old)

    def test_no_key_is_in_a_representation(self) -> None:
        key = new_key()
        shown = repr(ReaderKeys(key, key, 7))
        assert key.hex() not in shown
        assert repr(key) not in shown

    def test_the_file_is_the_owners_alone_and_is_read_back(self, tmp_path: Path) -> None:
        path, keys = tmp_path / "keys", ReaderKeys(new_key(), new_key(), 0xFFFFFFFF)
        KeyFile(path).put("front", keys)
        assert path.stat().st_mode & 0o777 == 0o600
        assert KeyFile(path).of("front") == keys
        assert KeyFile(path).of("back") == ReaderKeys()

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
    def test_a_file_that_others_can_reach_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "keys"
        KeyFile(path).put("front", ReaderKeys(new_key()))
        path.chmod(mode)
        with pytest.raises(DamagedFile, match="chmod 600"):
            KeyFile(path).of("front")

    def test_a_link_is_refused(self, tmp_path: Path) -> None:
        KeyFile(tmp_path / "real").put("front", ReaderKeys(new_key()))
        (tmp_path / "keys").symlink_to("real")
        with pytest.raises(DamagedFile):
            KeyFile(tmp_path / "keys").of("front")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            '{"form":3,"readers":{}}',
            '{"form":1,"readers":{"front":{"current":"xx"}}}',
            f'{{"form":1,"readers":{{"front":{{"current":"{SCBK_D.hex()}"}}}}}}',
            f'{{"form":1,"readers":{{"front":{{"current":"{bytes(16).hex()}"}}}}}}',
        ],
    )
    def test_a_damaged_file_is_refused_without_its_content(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "keys"
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(DamagedFile) as refused:
            KeyFile(path).of("front")
        assert refused.value.__cause__ is None
        assert SCBK_D.hex() not in str(refused.value)

    def test_no_key_is_in_clear_text_in_the_file(self, tmp_path: Path) -> None:
        path, key = tmp_path / "keys", new_key()
        KeyFile(path).put("front", ReaderKeys(key))
        assert key.hex() not in path.read_text()
        path.write_text(f'{{"form":1,"readers":{{"front":{{"current":"{key.hex()}"}}}}}}')
        assert KeyFile(path).of("front") == ReaderKeys(key)
        assert key.hex() not in path.read_text()
        assert KeyFile(path).of("front") == ReaderKeys(key)

    def test_a_reader_is_paired_again_after_the_key_that_seals_was_exchanged(
        self, tmp_path: Path
    ) -> None:
        path, former, key = tmp_path / "keys", Sealer.random(), new_key()
        for reader in ("front", "back"):
            KeyFile(path, former).put(reader, ReaderKeys(key))
        file = KeyFile(path, Sealer.random())
        assert file.of("front") == ReaderKeys()
        file.put("front", ReaderKeys(new_key()))
        # The former key may come back, and nobody paired the other one.
        assert KeyFile(path, former).of("back") == ReaderKeys(key)

    def test_what_cannot_be_stored_has_not_changed(self, tmp_path: Path) -> None:
        directory = tmp_path / "data"
        directory.mkdir()
        file, keys = KeyFile(directory / "keys"), ReaderKeys(new_key())
        file.put("front", keys)
        shutil.rmtree(directory)
        with pytest.raises(FileNotFoundError):
            file.put("front", ReaderKeys(new_key()))
        assert file.of("front") == keys


class TestWholeMessages:
    ACK = bytes.fromhex("ff 53 80 08 00 05 40 aa bb")

    def test_what_comes_byte_by_byte_is_given_once_and_whole(self) -> None:
        given, come = [], b""
        for byte in b"\x00\x53\x01\x01\x00" + self.ACK + self.ACK[1:]:
            message, come = next_message(come + bytes((byte,)))
            given += [message] if message else []
        assert given == [self.ACK, self.ACK[1:]]
        assert come == b""

    def test_what_follows_stays_for_the_next(self) -> None:
        assert next_message(self.ACK + b"\xff\x53") == (self.ACK, b"\xff\x53")

    @given(st.binary(max_size=600))
    def test_noise_is_never_kept_beyond_the_longest_message(self, noise: bytes) -> None:
        message, rest = next_message(noise)
        assert len(message) <= 512
        assert message or len(rest) <= 512


def answer(control: int, *body: int) -> bytes:
    """A reader's message, its check sum left at 0."""
    return bytes((0xFF, 0x53, 0x81, len(body) + 7, 0, control, *body, 0, 0))


class TestClearText:
    @pytest.mark.parametrize("code", [0x48, 0x49, 0x4A, 0x4B, 0x50, 0x51, 0x53, 0x54, 0x90])
    def test_what_counts_needs_an_authenticated_answer(self, code: int) -> None:
        assert needs_channel(answer(4, code, 1, 2))
        assert needs_channel(answer(0x0C, 2, 0x14, code, 1))
        for kind in (0x16, 0x18):
            assert not needs_channel(answer(0x0C, 2, kind, code, 1))

    @pytest.mark.parametrize("code", [0x40, 0x41, 0x45, 0x46, 0x79])
    def test_a_reader_may_describe_itself_before_it(self, code: int) -> None:
        assert not needs_channel(answer(4, code, 1, 2))

    @pytest.mark.parametrize(("kind", "code"), [(0x12, 0x76), (0x14, 0x78)])
    def test_a_reader_may_set_it_up(self, kind: int, code: int) -> None:
        assert not needs_channel(answer(0x0C, 3, kind, 1, code))

    @given(st.binary(max_size=100))
    def test_every_whole_message_is_judged(self, noise: bytes) -> None:
        message, _rest = next_message(noise)
        if message:
            assert needs_channel(message) in {True, False}
            assert address_of(message) in range(128)


class TestChannel:
    def test_an_answer_that_has_begun_is_waited_for_to_its_end(self) -> None:
        """The library would give up on it, and a card in it would be lost."""
        whole = answer(0x0C, 2, 0x16, 0x40)

        class Port:
            port = "slow"

            def __init__(self) -> None:
                self.left = [bytes((byte,)) for byte in whole]

            def read(self, most: int) -> bytes:
                del most
                return self.left.pop(0) if self.left else b""

        port = Port()
        channel = PortChannel(cast("Any", port), PollCounter())
        assert channel.read(1024) == whole
        port.left = [whole[:6]]
        assert channel.read(1024) == b""  # the rest never comes
        assert channel.fault is None


class TestPolls:
    def test_each_message_is_answered_or_missed(self) -> None:
        polls = PollCounter()
        polls.sent(b"\xff\x53\x00\x08\x00")
        polls.received(b"\x53")
        polls.received(b"\x80\x08")
        polls.sent(b"\xff\x53\x01\x08\x00")
        polls.received(b"\x53\x80")  # another reader, late
        polls.sent(b"\xff\x53\x00\x08\x00")
        assert (polls.answered, polls.missed) == ([0], [1])

    @given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40))))
    def test_no_bytes_make_it_fail(self, turns: Sequence[tuple[bool, bytes]]) -> None:
        polls = PollCounter()
        for panel, data in turns:
            (polls.sent if panel else polls.received)(data)
        assert len(polls.answered) + len(polls.missed) <= sum(panel for panel, _data in turns)


EVENTS = st.one_of(
    st.just(PollAnswered()),
    st.just(PollMissed()),
    st.just(TimeElapsed()),
    st.builds(ChannelChanged, st.booleans(), st.booleans()),
    st.builds(PresenceChanged, st.booleans()),
)
STEPS = st.lists(st.tuples(EVENTS, st.integers(0, 3_000)), max_size=80)
OWN = ChannelChanged(active=True, default_key=False)


def run(state: LinkState, *events: LinkEvent, now_ms: int = 0) -> LinkState:
    for event in events:
        state, _effects = supervise(state, event, now_ms)
    return state


class TestSupervision:
    @given(STEPS, st.booleans())
    def test_messages_count_over_its_own_channel_or_by_the_setting_alone(
        self, steps: list[tuple[LinkEvent, int]], clear_text: bool
    ) -> None:
        state, now_ms, disabled = LinkState(clear_text), 0, False
        for event, pause_ms in steps:
            now_ms += pause_ms
            state, effects = supervise(state, event, now_ms)
            for effect in effects:
                # The library is never asked for the same twice.
                assert disabled is (effect is LinkEffect.ENABLE)
                disabled = effect is LinkEffect.DISABLE
            assert not state.reached or clear_text or state.channel is Protection.OWN
            assert state.pause_ms <= LONGEST_RETRY_MS
            if state.health(now_ms)[0] is Health.ONLINE:
                assert state.reached

    @given(STEPS)
    def test_an_unreached_reader_is_tried_again_and_again(
        self, steps: list[tuple[LinkEvent, int]]
    ) -> None:
        state, now_ms = LinkState(clear_text=False), 0
        for event, pause_ms in steps:
            now_ms += pause_ms
            state, _effects = supervise(state, event, now_ms)
        seen: list[LinkEffect] = []
        state = run(state, ChannelChanged(active=False, default_key=False), now_ms=now_ms)
        for passed_ms in range(0, 2 * LONGEST_RETRY_MS, 100):
            state, effects = supervise(state, TimeElapsed(), now_ms + passed_ms)
            seen += effects
        assert LinkEffect.DISABLE in seen
        assert LinkEffect.ENABLE in seen

    def test_three_missed_polls_are_no_answer_and_one_answer_ends_them(self) -> None:
        state = run(LinkState(clear_text=False), PollAnswered(), OWN)
        assert state.health(0)[0] is Health.ONLINE
        state = run(state, *[PollMissed()] * (MISSED_POLLS - 1))
        assert state.health(0)[0] is Health.ONLINE
        state = run(state, PollMissed())
        assert state.health(0)[0] is Health.OFFLINE
        assert "does not answer" in state.health(0)[1]
        assert run(state, PollAnswered()).health(0)[0] is Health.ONLINE

    def test_an_answer_without_its_channel_is_suspect_after_a_while(self) -> None:
        state = run(LinkState(clear_text=False), PollAnswered())
        assert not state.suspect(GRACE_MS - 1)
        assert state.suspect(GRACE_MS)
        assert not run(state, OWN).suspect(GRACE_MS)
        default = ChannelChanged(active=True, default_key=True)
        assert run(state, default).suspect(GRACE_MS)

    def test_a_silent_reader_is_asked_without_a_pause_at_first_and_seldom_later(self) -> None:
        state, toggles = LinkState(clear_text=False), []
        for now_ms in range(0, 300_000, 50):
            state, effects = supervise(state, TimeElapsed(), now_ms)
            toggles += [(effect, now_ms) for effect in effects]
        assert toggles[:2] == [
            (LinkEffect.DISABLE, ASKED_MS),
            (LinkEffect.ENABLE, ASKED_MS + DISABLED_MS),
        ]
        gone, back = [at for _effect, at in toggles[::2]], [at for _effect, at in toggles[1::2]]
        pauses = [after - before for before, after in zip(gone, back, strict=False)]
        assert pauses[:OFTEN] == [DISABLED_MS] * OFTEN
        assert pauses[OFTEN] == RETRY_MS
        assert pauses[-1] == LONGEST_RETRY_MS
        assert gone[-1] - back[len(gone) - 2] == ASKED_SELDOM_MS

    def test_the_library_gets_a_reader_back_when_it_has_let_it_go(self) -> None:
        """Before that it ignores it, and the reader would be lost."""
        state, effects = supervise(LinkState(clear_text=False), TimeElapsed(), 0)
        state, effects = supervise(state, TimeElapsed(), ASKED_MS)
        assert effects == (LinkEffect.DISABLE,)
        later_ms = ASKED_MS + 3 * DISABLED_MS
        state, effects = supervise(state, TimeElapsed(), later_ms, let_go=False)
        assert effects == ()
        state, effects = supervise(state, TimeElapsed(), later_ms + 1)
        assert effects == (LinkEffect.ENABLE,)

    def test_a_reader_that_answers_has_the_time_to_set_up_its_channel(self) -> None:
        state, _effects = supervise(LinkState(clear_text=False), TimeElapsed(), 0)
        state, effects = supervise(state, PollAnswered(), ASKED_MS - 1)
        assert effects == ()
        state, effects = supervise(state, TimeElapsed(), ASKED_MS + RETRY_MS)
        assert effects == ()
        assert run(state, OWN, now_ms=ASKED_MS + RETRY_MS).retry_ms is None


class TestReads:
    @pytest.mark.parametrize(("keys", "bits"), [(False, ""), (True, "0111")])
    def test_who_watches_sees_cards_as_they_came_and_keys_only_if_wanted(
        self, keys: bool, bits: str
    ) -> None:
        settings = {"name": "front", "index": 1, "portal": 1, "kind": "osdp", "port": "/dev/x"}
        captures = ReaderCaptures(lambda: None)
        reads = OsdpReads(OsdpReader.model_validate(settings), captures)
        card = encode(FORMATS["w26"], 1, 7)
        reads.card(CardBits(card), 1)
        assert captures.kept(keys=True) == ()
        captures.watch(1, keys=keys, widths=False)
        reads.card(CardBits(card), 2)
        reads.card(CardBits("1" * 25), 3)
        reads.keys(KeysTyped("7"), 4)
        good, bad, key = captures.kept(keys=keys)
        assert good == FrameCapture(1, 2, card, (), ())
        assert isinstance(bad, FrameCapture)
        assert bad.why
        assert key == FrameCapture(3, 4, bits, (), (), keys=True)
