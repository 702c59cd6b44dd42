"""Messages about another site file on trial."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.link.values import Digest, LinkMessage, Login

CONFIRM_WITHIN_S = 60
ConfirmWithin = Annotated[int, Field(ge=5, le=600)]
"""Seconds in which a change must be confirmed; otherwise it is taken back."""


class ProposeSite(LinkMessage):
    """Try another site file: the controller starts anew with it, and goes back to the former unless
    a ConfirmSite comes in time. Answered with the `digest` of the text."""

    kind: Literal["propose_site"] = "propose_site"
    content: Annotated[str, Field(max_length=56_000)]
    """The text in UTF-8, as Base64: it has more commas than a request may have."""
    confirm_within_s: ConfirmWithin = CONFIRM_WITHIN_S
    """After the controller came up with it."""
    by: Login = ""


class ConfirmSite(LinkMessage):
    """Make the site file on trial the one that stays. It is stored when the status says so."""

    kind: Literal["confirm_site"] = "confirm_site"
    digest: Digest


class TakeBackSite(LinkMessage):
    """End the trial: the controller starts anew with the former site file."""

    kind: Literal["take_back_site"] = "take_back_site"
    digest: Digest
