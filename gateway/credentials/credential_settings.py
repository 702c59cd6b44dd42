"""Reads from configuration how credentials are looked up."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.credentials.qr import QrMode
from gateway.credentials.totp import TotpSettings
from gateway.credentials.values import CredentialKind
from gateway.settings.configuration import Configuration, is_on

_WITHOUT_SWITCH = frozenset({CredentialKind.UHF_TAG})
"""Kinds that the API cannot switch off."""


@dataclass(frozen=True, slots=True)
class CredentialSettings:
    """How a read becomes the credential that is looked up."""

    kinds: frozenset[CredentialKind]
    """The kinds that identify people; reads of other kinds are ignored."""
    qr_mode: QrMode
    dynamic_codes: TotpSettings | None
    """How QR codes change with the time; None where they do not."""
    single_use_codes: bool
    """Each dynamic code is accepted once."""
    uhf_bits: int
    """How many bits of a UHF tag are looked up."""


def credential_settings(configuration: Configuration) -> CredentialSettings:
    """The settings that `configuration` holds."""
    mode = QrMode(int(configuration["face_id", "qrcode_legacy_mode_enabled"]))
    codes = TotpSettings(
        int(configuration["face_id", "totp_window_size"]),
        int(configuration["face_id", "totp_window_num"]),
        int(configuration["face_id", "totp_tz_offset"]),
    )
    dynamic = is_on(configuration, "face_id", "totp_enabled") and mode is QrMode.DECIMAL
    kinds = {
        kind
        for kind in CredentialKind
        if kind in _WITHOUT_SWITCH
        or is_on(configuration, "identifier", f"{kind.value}_identification_enabled")
    }
    return CredentialSettings(
        kinds=frozenset(kinds),
        qr_mode=mode,
        dynamic_codes=codes if dynamic else None,
        single_use_codes=is_on(configuration, "face_id", "totp_single_use"),
        uhf_bits=int(configuration["uhf", "identification_bits"]),
    )
