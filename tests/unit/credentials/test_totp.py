"""Dynamic QR codes: a one-time password and a card in one number."""

from __future__ import annotations

import base64

import pytest

from gateway.credentials.totp import DynamicCode, TotpSettings, otp, window_of

KEY = b"12345678901234567890"
SECRET = base64.b32encode(KEY).decode()
CARD = 98_765
NOW = 1_700_000_010

TRUNCATED = (
    1284755224,
    1094287082,
    137359152,
    1726969429,
    1640338314,
    868254676,
    1918287922,
    82162583,
    673399871,
    645520489,
)
"""RFC 4226, appendix D: truncated values of `KEY` for the counters 0 to 9."""


@pytest.mark.parametrize(("step", "value"), list(enumerate(TRUNCATED)))
def test_the_password_is_the_rfc_s_value_in_24_bits(step: int, value: int) -> None:
    assert otp(KEY, step) == value % 2**24


def test_the_window_of_an_instant_is_the_rfc_s() -> None:
    """RFC 6238, appendix B: at second 59 the eight digits are 94287082."""
    assert TRUNCATED[TotpSettings().step(59)] % 10**8 == 94287082


def test_the_password_stands_above_the_40_bits_of_the_card() -> None:
    code = DynamicCode(0xABCDEF, 0x12_3456_789A)
    assert code.number == 0xABCDEF123456789A
    assert DynamicCode.of(code.number) == code


def shown(at_s: int, secret_key: bytes = KEY, settings: TotpSettings | None = None) -> DynamicCode:
    return DynamicCode(otp(secret_key, (settings or TotpSettings()).step(at_s)), CARD)


@pytest.mark.parametrize(
    ("windows", "accepted"),
    [
        (1, {0}),
        (2, {-1, 0}),
        (3, {-1, 0, 1}),
        (4, {-2, -1, 0, 1}),
        (5, {-2, -1, 0, 1, 2}),
    ],
)
def test_so_many_windows_are_accepted(windows: int, accepted: set[int]) -> None:
    settings = TotpSettings(windows=windows)
    found = {
        late
        for late in range(-4, 5)
        if window_of(shown(NOW + 30 * late), SECRET, NOW, settings) is not None
    }
    assert found == accepted


def test_a_used_window_is_no_more_and_another_is() -> None:
    settings, step = TotpSettings(), TotpSettings().step(NOW)
    assert window_of(shown(NOW), SECRET, NOW, settings) == step
    assert window_of(shown(NOW), SECRET, NOW, settings, used={step}) is None
    assert window_of(shown(NOW - 30), SECRET, NOW, settings, used={step}) == step - 1


def test_the_size_of_a_window_and_the_offset_count() -> None:
    slow = TotpSettings(window_s=600)
    assert window_of(shown(NOW, settings=slow), SECRET, NOW + 600, slow) is not None
    assert window_of(shown(NOW, settings=slow), SECRET, NOW, TotpSettings()) is None
    ahead = TotpSettings(offset_s=3_600)
    assert window_of(shown(NOW + 3_600), SECRET, NOW, ahead) is not None
    assert window_of(shown(NOW), SECRET, NOW, ahead) is None


@pytest.mark.parametrize(
    "secret", [SECRET, SECRET.lower(), f"{SECRET[:8]} {SECRET[8:]}", KEY.decode()]
)
def test_a_secret_is_base32_as_people_copy_it_or_the_key_itself(secret: str) -> None:
    assert window_of(shown(NOW), secret, NOW, TotpSettings()) is not None


@pytest.mark.parametrize("secret", ["", " ", "=", "GEZDGNBV", "ключ", "\udc80"])
def test_any_other_secret_fits_nothing(secret: str) -> None:
    assert window_of(shown(NOW), secret, NOW, TotpSettings()) is None


def test_before_the_first_window_there_is_none() -> None:
    assert window_of(shown(0), SECRET, 0, TotpSettings()) == 0
    assert window_of(shown(0), SECRET, 0, TotpSettings(offset_s=-86_400)) is None
