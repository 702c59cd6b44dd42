import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.keypad import (
    KEYS,
    SIX_BIT_KEYS,
    KeyCollector,
    decode_key,
    encode_key,
    may_be_keys,
)
from gateway.credentials.wiegand import FORMATS, encode
from gateway.errors import BrokenFrame
from gateway.settings import SixBitKeys

TIMEOUT_NS = 5_000_000_000

digits = st.text("0123456789", min_size=1, max_size=32)


def typed(collector: KeyCollector, keys: str, at_ns: int = 0) -> list[str]:
    pins = [collector.key(char, at_ns) for char in keys]
    return [pin for pin in pins if pin is not None]


@pytest.mark.parametrize(
    ("bits", "key"),
    [
        ("0000", "0"),
        ("1001", "9"),
        ("1010", "*"),
        ("1011", "#"),
        ("11100001", "1"),
        ("11110000", "0"),
        ("01011010", "*"),
        ("01001011", "#"),
    ],
)
def test_a_burst_is_a_key(bits: str, key: str) -> None:
    assert decode_key(bits) == key


@given(st.sampled_from(KEYS))
def test_every_key_comes_back_from_its_burst(key: str) -> None:
    assert decode_key(encode_key(key)) == key


@given(st.sampled_from(KEYS), st.integers(0, 7))
def test_a_flipped_bit_in_a_burst_of_eight_is_refused(key: str, bit: int) -> None:
    low = encode_key(key)
    burst = f"{int(low, 2) ^ 15:04b}{low}"
    damaged = burst[:bit] + ("1" if burst[bit] == "0" else "0") + burst[bit + 1 :]
    with pytest.raises(BrokenFrame, match="complement"):
        decode_key(damaged)


ROSSLARE = {
    "0": "110100", "1": "000010", "2": "000100", "3": "000111", "4": "101001", "5": "101010",
    "6": "101100", "7": "101111", "8": "110001", "9": "110010", "*": "110111", "#": "011001",
}  # fmt: skip
"""The bursts of keypad option 1, as Rosslare's manuals print them."""
OPTION_2 = {**ROSSLARE, "0": "000001", "*": "110100", "#": "110111"}


@pytest.mark.parametrize("key", KEYS)
def test_a_burst_of_six_bits_is_the_key_that_the_manual_says(key: str) -> None:
    assert decode_key(ROSSLARE[key]) == key
    assert decode_key(OPTION_2[key], SixBitKeys.PLAIN) == key


def test_every_option_of_six_bits_has_all_keys() -> None:
    assert set(SIX_BIT_KEYS) == set(SixBitKeys)
    assert all(sorted(keys.values()) == sorted(KEYS) for keys in SIX_BIT_KEYS.values())


@given(st.sampled_from(KEYS), st.integers(0, 5))
def test_a_flipped_bit_in_a_burst_of_six_is_refused(key: str, bit: int) -> None:
    burst = ROSSLARE[key]
    damaged = burst[:bit] + ("1" if burst[bit] == "0" else "0") + burst[bit + 1 :]
    with pytest.raises(BrokenFrame, match="parity"):
        decode_key(damaged)


@pytest.mark.parametrize(
    ("bits", "option"), [("000001", SixBitKeys.ROSSLARE), ("011001", SixBitKeys.PLAIN)]
)
def test_a_value_that_the_other_option_has_is_no_key(bits: str, option: SixBitKeys) -> None:
    with pytest.raises(BrokenFrame, match="this keypad has no key"):
        decode_key(bits, option)


@pytest.mark.parametrize("bits", ["1100", "1111", "00001111", "101", "", "00002"])
def test_a_burst_that_is_no_key_is_refused(bits: str) -> None:
    with pytest.raises(BrokenFrame):
        decode_key(bits)


@pytest.mark.parametrize("char", ["a", "", "12", "٣"])
def test_a_character_that_is_no_key_has_no_burst(char: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        encode_key(char)


@given(st.lists(digits, max_size=5))
def test_every_pin_ended_by_the_end_key_is_handed_out(pins: list[str]) -> None:
    assert typed(KeyCollector(TIMEOUT_NS), "".join(f"{pin}#" for pin in pins)) == pins


def test_an_end_key_alone_is_no_pin() -> None:
    assert typed(KeyCollector(TIMEOUT_NS), "##12##") == ["12"]


def test_the_clear_key_forgets_what_was_typed() -> None:
    assert typed(KeyCollector(TIMEOUT_NS), "99*12#") == ["12"]


def test_keys_are_forgotten_after_the_time_out_and_not_before() -> None:
    collector = KeyCollector(TIMEOUT_NS)
    typed(collector, "12", at_ns=0)
    typed(collector, "3", at_ns=TIMEOUT_NS)
    assert typed(collector, "#", at_ns=2 * TIMEOUT_NS) == ["123"]
    typed(collector, "12", at_ns=3 * TIMEOUT_NS)
    assert typed(collector, "3#", at_ns=4 * TIMEOUT_NS + 1) == ["3"]


def test_an_entry_that_is_too_long_is_dropped_whole_and_never_shortened() -> None:
    collector = KeyCollector(TIMEOUT_NS, max_keys=4)
    assert typed(collector, "12345#1234#") == ["1234"]
    assert typed(collector, "1" * 10_000 + "#") == []


def test_so_many_digits_are_a_pin_without_the_end_key() -> None:
    collector = KeyCollector(TIMEOUT_NS, length=4)
    assert typed(collector, "1234" + "5678") == ["1234", "5678"]
    assert typed(collector, "1234#" + "12#" + "9*4321") == ["1234", "12", "4321"]


@given(st.text("0123456789*#", min_size=1, max_size=12), st.sampled_from([4, 6, 8]))
def test_keys_that_ran_together_are_told_from_noise(keys: str, size: int) -> None:
    def burst(key: str) -> str:
        nibble = encode_key(key)
        if size == 6:
            even = nibble[:2].count("1") % 2
            return f"{even}{nibble}{1 - nibble[2:].count('1') % 2}"
        return nibble if size == 4 else f"{int(nibble, 2) ^ 0b1111:04b}{nibble}"

    assert may_be_keys("".join(map(burst, keys)))


def test_a_damaged_key_may_be_one_and_a_card_is_none() -> None:
    assert all(may_be_keys(bits) for bits in ("1", "1111", "11111111"))
    assert not may_be_keys(encode(FORMATS["w26"], 123, 45678))
    assert not may_be_keys("1" * 32)


def test_end_and_clear_keys_can_be_set() -> None:
    assert typed(KeyCollector(TIMEOUT_NS, end="*", clear="#"), "9#12*") == ["12"]
