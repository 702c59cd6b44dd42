"""What the text of a reader stands for: one that types it, or one that sends it as a line."""

from __future__ import annotations

from gateway.credentials.card_number import CardFormat
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import BrokenFrame
from gateway.settings import Shows


def credential_of_text(text: str, shows: Shows, form: CardFormat) -> Credential:
    """The code or the card that `text` is, where the reader shows such and cards have this form.

    Raises BrokenFrame when it is no card number and should be one.
    """
    if shows is Shows.QRCODE:
        return Credential(CredentialKind.QRCODE, text)
    try:
        card = form.card_of_text(text, hexadecimal=shows is Shows.CARD_HEX)
    except ValueError as error:
        raise BrokenFrame(str(error)) from error
    return Credential(CredentialKind.CARD, card)
