"""Maps the text of a keyboard or serial reader to a credential."""

from __future__ import annotations

from gateway.credentials.card_number import CardFormat
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import BrokenFrame
from gateway.settings import Shows


def credential_of_text(text: str, shows: Shows, form: CardFormat) -> Credential:
    """Return the code or card in `text`, by what the reader `shows` and its card format.

    Raises BrokenFrame when the reader shows cards and the text is not a card number.
    """
    if shows is Shows.QRCODE:
        return Credential(CredentialKind.QRCODE, text)
    try:
        card = form.card_of_text(text, hexadecimal=shows is Shows.CARD_HEX)
    except ValueError as error:
        raise BrokenFrame(str(error)) from error
    return Credential(CredentialKind.CARD, card)
