"""Messages about decisions on people: those of a server, enrolment, anti-passback."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.credentials.values import CredentialKind
from gateway.link.doors import MOST_OPENINGS, Opening
from gateway.link.values import LinkMessage, Login, RowId
from gateway.settings import Side

OnlineCredential = Literal["card", "qrcode", "uhf_tag", "pin", "password"]
"""What a person showed, as a server in an online mode distinguishes it."""
NO_LOG_TYPE = -1
"""`access_logs.log_type_id` without a kind of punch."""

LONGEST_LEVEL_MIN = 43_200
"""Thirty days; a threat level that must last longer has no end."""


class Authorize(LinkMessage):
    """Log an access that a server decided, and carry out its openings if it granted."""

    kind: Literal["authorize"] = "authorize"
    event: Literal[3, 6, 7]
    """Not identified, denied, granted (`access_logs.event`)."""
    user_id: RowId = 0
    portal_id: RowId = 0
    openings: Annotated[tuple[Opening, ...], Field(max_length=MOST_OPENINGS)] = ()
    """Carried out for a grant only."""
    turnstile: Annotated[tuple[Side, ...], Field(max_length=2)] = ()
    """Directions in which to release the turnstile, for a grant only."""
    log_type_id: Annotated[int, Field(ge=NO_LOG_TYPE, lt=1 << 63)] = NO_LOG_TYPE
    """Kind of punch, a row of `log_types`."""
    by: Login = ""


class AnswerQuestion(LinkMessage):
    """What came of a ServerQuestion. One that is late, repeated or unknown changes nothing."""

    kind: Literal["answer_question"] = "answer_question"
    question: Annotated[str, Field(min_length=1, max_length=64)]
    """The id of the ServerQuestion."""
    event: Literal[3, 4, 6, 7, 14] | None = None
    """Not identified, another factor, denied, granted, no decision (Access API, 5.3); None if no
    usable answer came in time."""
    why: Annotated[str, Field(max_length=1_000)] = ""
    """Why none came, in words."""
    user_id: RowId | None = None
    """None if the server named nobody."""
    user_name: Annotated[str, Field(max_length=1_000)] = ""
    portal_id: RowId | None = None
    """The portal to log; None if the server named none."""
    openings: Annotated[tuple[Opening, ...], Field(max_length=MOST_OPENINGS)] | None = None
    """Carried out for a grant only; None, without a list of actions, opens what the portal does."""
    turnstile: Annotated[tuple[Side, ...], Field(max_length=2)] = ()
    """Directions in which to release the turnstile, for a grant only."""
    next_factor: OnlineCredential | None = None
    """The factor to ask for, with event 4; None for any."""
    message: Annotated[str, Field(max_length=1_000)] = ""
    """The server's words for the person."""
    duress: bool = False


class AnswerClearance(LinkMessage):
    """What came of a ClearanceQuestion. One that is late, repeated or unknown changes nothing."""

    kind: Literal["answer_clearance"] = "answer_clearance"
    question: Annotated[str, Field(min_length=1, max_length=64)]
    """The id of the ClearanceQuestion."""
    free: bool
    """Whether every peer lets this device open a door."""
    peer: Annotated[str, Field(max_length=1_000)] = ""
    """The peer in the way."""
    why: Annotated[str, Field(max_length=1_000)] = ""
    """What it is about that peer, in words."""


class ReportServer(LinkMessage):
    """Tell whether the server of the online modes can be asked.

    Sent at each change, and again while a heartbeat says otherwise: the controller counts the
    server as lost on its own when nobody listens to a question or none answers it in time.
    """

    kind: Literal["report_server"] = "report_server"
    reachable: bool
    why: Annotated[str, Field(max_length=1_000)] = ""
    """Why not, in words."""


class Obey(LinkMessage):
    """Answer when the controller decides by policy `version` or a later one."""

    kind: Literal["obey"] = "obey"
    version: Annotated[int, Field(lt=1 << 63)]


class Capture(LinkMessage):
    """Use the next read of one kind at one reader for an enrolment instead of a decision.

    The answer is a Captured. Without a read it comes after a while and is empty; the client repeats
    the command with the same ticket. If it does not, the capture ends and reads are decided again.
    """

    kind: Literal["capture"] = "capture"
    ticket: Annotated[str, Field(min_length=1, max_length=64)]
    """Identifies one enrolment; the client chooses it."""
    credential: CredentialKind
    reader: Annotated[str, Field(max_length=64)] | None = None
    """None selects the reader with the lowest index that can read the kind."""
    left_ms: Annotated[int, Field(ge=1, le=60_000)]
    """Remaining time for the read, for a new ticket."""


class CancelCapture(LinkMessage):
    """End the capture of a ticket; an ended capture is no error."""

    kind: Literal["cancel_capture"] = "cancel_capture"
    ticket: Annotated[str, Field(min_length=1, max_length=64)]


class Captured(LinkMessage):
    """The answer to Capture."""

    reader: str
    value: Annotated[int | str | None, Field(repr=False)] = None
    """The card's number, else the text that was read; None without a read."""


class Forgive(LinkMessage):
    """Clear a person's anti-passback position; answered when journalled."""

    kind: Literal["forgive"] = "forgive"
    user_id: Annotated[int, Field(ge=1, lt=1 << 63)] | None
    """None for everyone."""


class EmptyArea(LinkMessage):
    """Have nobody count as inside an area, or any area (0); answered when journalled."""

    kind: Literal["empty_area"] = "empty_area"
    area_id: RowId
    login: Login = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""


class AskPosition(LinkMessage):
    """Answer with the Position of a person."""

    kind: Literal["ask_position"] = "ask_position"
    user_id: Annotated[int, Field(ge=1, lt=1 << 63)]


class Position(LinkMessage):
    """A person's anti-passback position."""

    area_id: RowId = 0
    """0 if unknown."""
    since_utc_s: int = 0
    """Unix seconds; 0 without an area."""


class SetThreatLevel(LinkMessage):
    """Put a threat level in force, 0 for the ordinary one; answered when journalled."""

    kind: Literal["set_threat_level"] = "set_threat_level"
    level: Annotated[int, Field(ge=0, le=3)]
    minutes: Annotated[int, Field(ge=1, le=LONGEST_LEVEL_MIN)] | None = None
    """Time after which the level ends; None for never."""
    login: Login = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""


class ServerQuestion(LinkMessage):
    """A credential on which a server decides; an AnswerQuestion answers it (Access API, 5.2)."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    deadline_ns: int
    """Monotonic nanoseconds after which no answer counts."""
    identified: bool
    """Whether this device looked for the person itself (Pro); the server does otherwise."""
    credential: OnlineCredential
    value: Annotated[str, Field(repr=False)]
    """The number of a card, the text of a code or tag, the digits of a PIN or password."""
    keyed_user_id: Annotated[RowId, Field(repr=False)] = 0
    """Keyed before a password; 0 otherwise."""
    user_id: RowId = 0
    """0 if this device did not look, or found nobody."""
    user_name: str = ""
    """Empty: the controller knows people by their ids."""
    duress: bool = False
    identifier_id: RowId
    portal_id: RowId
    at_utc_s: int
    """When it was read, in Unix seconds."""


class ClearanceQuestion(LinkMessage):
    """An opening that waits for the devices of the network interlock; an AnswerClearance answers
    it."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    deadline_ns: int
    """Monotonic nanoseconds after which no answer counts."""
