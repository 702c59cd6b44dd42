"""Configuration keys of readers, identification and anti-passback."""

from __future__ import annotations

from gateway.objects.configuration import (
    ConfigurationKey,
    SettingGroup,
    acts_on,
    choice,
    flag,
    number,
)

WIEGAND_INPUTS = range(16)
"""N of `w_inN`, for the reader with index N + 1; the vendor has 0 to 3."""
CARD_READERS = range(4)
"""N of `card_readerN`, the vendor's other name for the same."""
_DAY_S = 86_400


def _reader_keys(index: int) -> tuple[ConfigurationKey, ...]:
    """The keys of the Wiegand reader with index `index` + 1."""
    vendors = (
        choice(
            f"card_reader{index}",
            "type",
            "",
            {
                "": "Not set",
                "LSB": "Last byte first",
                "34": "Last byte first, 34 bits",
            },
            "Type of the reader",
            "The vendor's other key for the byte order. Leave it unset and use the byte order.",
        ),
    )
    return acts_on(
        SettingGroup.READERS,
        "Wiegand reader",
        choice(
            f"w_in{index}",
            "byte_order",
            "",
            {"": "As the reader's type says", "MSB": "First byte first", "LSB": "Last byte first"},
            "Byte order",
            "Which byte of the card's number the reader sends first. The wiring bench shows both.",
            danger="With another order, cards that are stored already are unknown here.",
        ),
        *(vendors if index in CARD_READERS else ()),
        reader=index + 1,
    )


READER_KEYS = (
    *acts_on(
        SettingGroup.READERS,
        "Buzzers",
        flag(
            "general",
            "beep_enabled",
            "1",
            "Readers beep",
            "The buzzers of the readers answer each read.",
        ),
    ),
    *acts_on(
        SettingGroup.IDENTIFICATION,
        "Cards",
        flag(
            "identifier",
            "card_identification_enabled",
            "1",
            "Cards identify",
            "Off: readers ignore cards.",
            danger="Off, no card opens a door.",
        ),
    ),
    *acts_on(
        SettingGroup.IDENTIFICATION,
        "PINs",
        flag(
            "identifier",
            "pin_identification_enabled",
            "1",
            "PINs identify",
            "Off: keypads take passwords only.",
        ),
        # Ours.
        number(
            "identifier",
            "pin_min_length",
            "1",
            (1, 32),
            "Shortest PIN",
            "For new and changed PINs; older ones stay valid.",
            "digits",
        ),
    ),
    # The vendor's factory value of the mode is 1, decimal codes in `cards`; readers on a
    # controller send text, so here it is 0, alphanumeric codes in `qrcodes`.
    *acts_on(
        SettingGroup.IDENTIFICATION,
        "QR codes",
        flag(
            "identifier",
            "qrcode_identification_enabled",
            "1",
            "QR codes identify",
            "Off: readers ignore QR codes.",
        ),
        choice(
            "face_id",
            "qrcode_legacy_mode_enabled",
            "0",
            {
                "0": "Text of its own",
                "1": "Card number in decimal digits",
                "2": "Card number in hexadecimal digits",
            },
            "A QR code holds",
            "What the readers send for a code.",
        ),
    ),
    *acts_on(
        SettingGroup.IDENTIFICATION,
        "QR codes that change",
        flag(
            "face_id",
            "totp_enabled",
            "0",
            "QR codes change with the time",
            "Needs QR codes with decimal card numbers, and a clock that is right.",
        ),
        number(
            "face_id",
            "totp_window_size",
            "30",
            (1, _DAY_S),
            "A code is shown for",
            "As the app that shows it has it.",
            "s",
        ),
        number(
            "face_id",
            "totp_window_num",
            "5",
            (1, 99),
            "Codes accepted at a time",
            "The present one, and as many before and after: 5 are two before and two after.",
        ),
        flag(
            "face_id",
            "totp_single_use",
            "0",
            "Each such card opens once",
            "For visitors: the card opens nothing after that.",
        ),
        number(
            "face_id",
            "totp_tz_offset",
            "0",
            (-_DAY_S, _DAY_S),
            "Offset of the codes' clock",
            "Added to universal time, for apps that count in local time.",
            "s",
        ),
    ),
    *acts_on(
        SettingGroup.READERS,
        "UHF tags",
        choice(
            "uhf",
            "identification_bits",
            "26",
            {
                "26": "The last 26 bits, as a card",
                "32": "The last 32 bits, as a card",
                "34": "The last 34 bits, as a card",
                "66": "The last 66 bits, as a card",
                "96": "The whole tag",
            },
            "What identifies a tag",
            "Parts of a tag are looked up among the cards, whole tags among the tags.",
        ),
        choice(
            "uhf",
            "reader_type",
            "default",
            {"default": "First byte first", "lsb": "Last byte first"},
            "Byte order of tags",
            "Which byte of the tag the reader sends first.",
        ),
        # The vendor's default of the second is below its own minimum.
        number(
            "uhf",
            "read_interval",
            "5000",
            (100, 30_000),
            "Pause for the same tag",
            "A tag that stays in the field counts again after this time.",
            "ms",
        ),
        number(
            "uhf",
            "read_interval_diff_tags",
            "100",
            (100, 30_000),
            "Pause for another tag",
            "The next tag counts after this time.",
            "ms",
        ),
        choice(
            "uhf",
            "operation_mode",
            "continuous",
            {
                "continuous": "Read all the time",
                "trigger": "On a trigger input (not supported: reads nothing)",
                "inhibit": "Read nothing",
            },
            "UHF readers",
            "When the readers read.",
        ),
        number(
            "uhf",
            "transmit_power",
            "",
            (1_500, 2_400),
            "Transmit power",
            "Empty: as the reader is set. Less power makes the field smaller.",
            "hundredths of dBm",
        ),
    ),
    *(key for index in WIEGAND_INPUTS for key in _reader_keys(index)),
    *acts_on(
        SettingGroup.IDENTIFICATION,
        "Second factor",
        flag(
            "identifier",
            "multi_factor_authentication",
            "0",
            "A PIN after the card",
            "A card or code waits for its person's PIN, or password if PINs are off.",
            danger="At readers without a keypad, cards then open nothing.",
        ),
    ),
    *acts_on(
        SettingGroup.PASSBACK,
        "Anti-passback",
        flag(
            "identifier",
            "antipassback_enabled",
            "0",
            "Anti-passback",
            "In the way that the next setting says.",
        ),
        choice(
            "identifier",
            "antipassback_mode",
            "timed",
            {
                "timed": "Not again within the time",
                "timed_catra": "Not again in the same direction within the time",
                "daily_catra": "Not again in the same direction on the same day",
            },
            "What is refused",
            "Applies while anti-passback is on.",
        ),
        number(
            "identifier",
            "antipassback_timeout",
            "0",
            (0, 525_600),
            "Time of anti-passback",
            "For the two ways with a time; 0 refuses nobody.",
            "min",
        ),
        # The turnstile's switch.
        flag(
            "catra",
            "anti_passback",
            "0",
            "Strict direction at every portal between two areas",
            "Nobody goes the same way twice, without a limit of time. While anti-passback is off.",
        ),
        flag(
            "catra",
            "daily_reset",
            "0",
            "Forget all positions at midnight",
            "At every portal, turnstile or door.",
        ),
    ),
)
