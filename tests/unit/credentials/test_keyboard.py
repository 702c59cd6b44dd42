"""What USB readers type. The rows of keys stand here a second time, as on a keyboard's caps."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.card_number import CardFormat
from gateway.credentials.keyboard import (
    ENTER,
    LEFT_SHIFT,
    KeyboardCollector,
    TypedText,
    strokes,
    text_of_typing,
)
from gateway.credentials.line_frames import MAX_BYTES
from gateway.credentials.texts import credential_of_text
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import BrokenFrame
from gateway.settings import CardNumbering, Shows

GAP_NS = 200_000_000
RIGHT_SHIFT, CAPS, CTRL, ALT_GR, ESCAPE = 54, 58, 29, 100, 1
A = 30
PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))


class Keyboard:
    """A collector, and the fingers on its keys: one key each millisecond."""

    def __init__(self) -> None:
        self.collector = KeyboardCollector(GAP_NS)
        self.now_ns = 5_000_000_000
        self.ended: list[TypedText] = []

    def down(self, *codes: int) -> None:
        for code in codes:
            self.now_ns += 1_000_000
            self.ended += self.collector.press(code, self.now_ns)

    def up(self, *codes: int) -> None:
        for code in codes:
            self.collector.release(code)

    def tap(self, *codes: int) -> None:
        for code in codes:
            self.down(code)
            self.up(code)

    def write(self, text: str) -> None:
        for code, shift in strokes(text):
            if shift:
                self.down(LEFT_SHIFT)
            self.tap(code)
            if shift:
                self.up(LEFT_SHIFT)

    def wait(self, ns: int) -> None:
        self.now_ns += ns

    def silence(self) -> None:
        self.ended += self.collector.silence()

    @property
    def texts(self) -> list[str]:
        return [typed.text for typed in self.ended if not typed.fault]

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [(typed.text, typed.fault) for typed in self.ended if typed.fault]


@pytest.fixture
def keyboard() -> Keyboard:
    return Keyboard()


@pytest.mark.parametrize(
    ("codes", "plain", "shifted"),
    [
        (range(2, 14), "1234567890-=", "!@#$%^&*()_+"),
        (range(16, 28), "qwertyuiop[]", "QWERTYUIOP{}"),
        (range(30, 41), "asdfghjkl;'", 'ASDFGHJKL:"'),
        ([41], "`", "~"),
        ([43], "\\", "|"),
        (range(44, 54), "zxcvbnm,./", "ZXCVBNM<>?"),
        ([57], " ", " "),
        ([71, 72, 73, 75, 76, 77, 79, 80, 81, 82], "7894561230", "7894561230"),
        ([55, 74, 78, 83, 98, 117, 121], "*-+./=,", "*-+./=,"),
    ],
)
def test_each_key_types_what_stands_on_its_cap(
    keyboard: Keyboard, codes: list[int], plain: str, shifted: str
) -> None:
    keyboard.tap(*codes, ENTER)
    for shift in (LEFT_SHIFT, RIGHT_SHIFT):
        keyboard.down(shift)
        keyboard.tap(*codes)
        keyboard.up(shift)
        keyboard.tap(ENTER)
    assert keyboard.texts == [plain, shifted, shifted]


@given(st.text(PRINTABLE, min_size=1, max_size=80))
def test_every_text_of_printable_ascii_comes_back(text: str) -> None:
    keyboard = Keyboard()
    keyboard.write(text)
    keyboard.tap(ENTER)
    assert keyboard.texts == [text]


@given(st.lists(st.tuples(st.integers(0, 0x2FF), st.booleans(), st.integers(0, 2 * GAP_NS))))
def test_no_keys_whatever_raise_anything(keys: list[tuple[int, bool, int]]) -> None:
    keyboard = Keyboard()
    for code, down, pause in keys:
        keyboard.wait(pause)
        if down:
            keyboard.down(code)
        else:
            keyboard.up(code)
    keyboard.silence()
    assert all(typed.text or typed.fault for typed in keyboard.ended)


@pytest.mark.parametrize("end", [ENTER, 96, 15])
def test_enter_keypad_enter_and_tab_end_a_text(keyboard: Keyboard, end: int) -> None:
    keyboard.write("AB12")
    assert keyboard.ended == []
    keyboard.tap(end)
    assert keyboard.ended == [TypedText("AB12", keyboard.now_ns)]


def test_a_second_end_key_is_no_second_text(keyboard: Keyboard) -> None:
    keyboard.write("x")
    keyboard.tap(ENTER, ENTER, 15)
    assert keyboard.texts == ["x"]
    assert keyboard.faults == []


def test_shift_holds_until_the_last_one_is_let_go(keyboard: Keyboard) -> None:
    keyboard.down(LEFT_SHIFT, RIGHT_SHIFT)
    keyboard.tap(A)
    keyboard.up(LEFT_SHIFT)
    keyboard.tap(A)
    keyboard.up(RIGHT_SHIFT)
    keyboard.tap(A, ENTER)
    assert keyboard.texts == ["AAa"]


def test_caps_lock_turns_letters_round_and_nothing_else(keyboard: Keyboard) -> None:
    keyboard.tap(CAPS)
    keyboard.write("aB1!-_")
    keyboard.tap(CAPS)
    keyboard.write("aB")
    keyboard.tap(ENTER)
    assert keyboard.texts == ["Ab1!-_aB"]


def test_num_lock_and_scroll_lock_change_nothing(keyboard: Keyboard) -> None:
    keyboard.tap(69, 70, 79, ENTER)
    assert keyboard.texts == ["1"]
    assert keyboard.faults == []


def test_a_text_is_forgotten_with_a_word_after_the_gap(keyboard: Keyboard) -> None:
    keyboard.write("12")
    keyboard.wait(GAP_NS)
    keyboard.write("34")
    keyboard.tap(ENTER)
    assert keyboard.texts == ["34"]
    assert keyboard.faults == [("12", "no Enter or Tab within 200 ms")]


def test_keys_as_far_apart_as_the_gap_belong_together(keyboard: Keyboard) -> None:
    keyboard.write("1")
    keyboard.wait(GAP_NS - 1_000_000)
    keyboard.tap(A, ENTER)
    assert keyboard.texts == ["1a"]


def test_a_silence_ends_what_was_begun_and_nothing_is_no_fault(keyboard: Keyboard) -> None:
    keyboard.silence()
    keyboard.down(LEFT_SHIFT)
    keyboard.silence()
    assert keyboard.ended == []
    keyboard.up(LEFT_SHIFT)
    keyboard.write("7")
    keyboard.silence()
    assert keyboard.faults == [("7", "no Enter or Tab within 200 ms")]


@pytest.mark.parametrize(
    ("held", "code", "why"),
    [
        (CTRL, A, "key 30 with Ctrl"),
        (ALT_GR, A, "key 30 with Alt"),
        (125, A, "key 30 with Meta"),
        (LEFT_SHIFT, ESCAPE, "key 1 types"),
        (LEFT_SHIFT, 0x2FF, "key 767 types"),
    ],
)
def test_a_key_without_a_character_spoils_the_whole_text(
    keyboard: Keyboard, held: int, code: int, why: str
) -> None:
    keyboard.write("12")
    keyboard.down(held)
    keyboard.tap(code)
    keyboard.up(held)
    keyboard.write("34")
    keyboard.tap(ENTER)
    keyboard.write("56")
    keyboard.tap(ENTER)
    assert keyboard.texts == ["56"]
    ((text, fault),) = keyboard.faults
    assert text == "1234"
    assert why in fault


def test_lost_keys_spoil_the_text_and_let_go_of_shift(keyboard: Keyboard) -> None:
    keyboard.down(LEFT_SHIFT)
    keyboard.tap(A)
    keyboard.collector.lost(keyboard.now_ns)
    keyboard.tap(A, ENTER)
    keyboard.write("ok")
    keyboard.tap(ENTER)
    assert keyboard.texts == ["ok"]
    ((text, fault),) = keyboard.faults
    assert text == "Aa"
    assert "lost" in fault


def test_lost_keys_are_said_even_when_none_is_left(keyboard: Keyboard) -> None:
    keyboard.collector.lost(keyboard.now_ns)
    keyboard.silence()
    assert [fault.partition(":")[0] for _, fault in keyboard.faults] == ["keys were lost"]


def test_a_text_longer_than_any_code_is_refused_as_a_whole(keyboard: Keyboard) -> None:
    keyboard.write("1" * MAX_BYTES)
    keyboard.tap(ENTER)
    assert keyboard.texts == ["1" * MAX_BYTES]
    keyboard.write("1" * (MAX_BYTES + 1))
    keyboard.tap(ENTER)
    ((_, fault),) = keyboard.faults
    assert "more than 2953" in fault


def test_a_reset_forgets_text_shift_and_capitals(keyboard: Keyboard) -> None:
    keyboard.tap(CAPS)
    keyboard.down(LEFT_SHIFT, CTRL)
    keyboard.write("9")
    keyboard.collector.reset()
    keyboard.tap(A, ENTER)
    assert keyboard.texts == ["a"]
    assert keyboard.faults == []


@pytest.mark.parametrize("character", ["é", "\t", "\n", "\u20ac"])
def test_a_character_without_a_key_cannot_be_typed(character: str) -> None:
    with pytest.raises(ValueError, match="no key on a US keyboard"):
        list(strokes(f"a{character}"))


# what a text stands for


def read(text: str, shows: Shows = Shows.QRCODE, prefix: str = "", suffix: str = "") -> Credential:
    return credential_of_text(
        text_of_typing(TypedText(text, 1), prefix, suffix), shows, CardFormat(CardNumbering.PLAIN)
    )


def card(value: int) -> Credential:
    return Credential(CredentialKind.CARD, value)


def test_a_text_is_a_code_unless_the_site_says_otherwise() -> None:
    assert read("123") == Credential(CredentialKind.QRCODE, "123")


@pytest.mark.parametrize(
    ("text", "shows", "value"),
    [
        ("0012345678", Shows.CARD, 12345678),
        ("123,45678", Shows.CARD, 123 << 32 | 45678),
        (str(2**64 - 1), Shows.CARD, 2**64 - 1),
        ("04a1B2c3", Shows.CARD_HEX, 0x04A1B2C3),
        ("F" * 16, Shows.CARD_HEX, 2**64 - 1),
    ],
)
def test_a_card_number_is_read_as_the_site_says(text: str, shows: Shows, value: int) -> None:
    assert read(text, shows) == card(value)


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("12a", Shows.CARD),
        ("1,2,3", Shows.CARD),
        (str(2**64), Shows.CARD),
        ("-1", Shows.CARD),
        ("0x12", Shows.CARD_HEX),
        ("12 34", Shows.CARD_HEX),
        ("1_2", Shows.CARD_HEX),
        ("0" * 17, Shows.CARD_HEX),
        ("G", Shows.CARD_HEX),
    ],
)
def test_a_text_that_is_no_card_number_identifies_nobody(text: str, shows: Shows) -> None:
    with pytest.raises(BrokenFrame):
        read(text, shows)


def test_prefix_and_suffix_are_taken_off() -> None:
    assert read("%Q12?", prefix="%Q", suffix="?").value == "12"
    assert read("ABA", prefix="A", suffix="A").value == "B"


@pytest.mark.parametrize("text", ["Q12?", "%Q12", "%Q", "?", "", "%Q?", "%q12?"])
def test_a_text_without_prefix_or_suffix_or_anything_between_is_no_code(text: str) -> None:
    with pytest.raises(BrokenFrame):
        read(text, prefix="%Q", suffix="?")


def test_prefix_and_suffix_must_not_share_a_character() -> None:
    with pytest.raises(BrokenFrame):
        read("AA", prefix="AA", suffix="A")


def test_a_faulty_text_is_never_a_credential() -> None:
    with pytest.raises(BrokenFrame, match="lost"):
        text_of_typing(TypedText("12", 1, "keys were lost"), "", "")


def test_the_map_covers_all_of_printable_ascii() -> None:
    assert {code for code, _ in strokes(PRINTABLE)} >= {2, 16, 30, 44, 57}
    assert set(PRINTABLE) == set(string.printable) - set(string.whitespace) | {" "}
