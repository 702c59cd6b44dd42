"""The site file: what it says, what is wrong with it, and another one on trial.

A proposed file is tried: the controller starts anew with it, the api follows, and both go back to
the file before unless somebody confirms it in time. The names of these commands are ours.
"""

from __future__ import annotations

import time
from base64 import b64encode
from contextlib import suppress
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.provisioning import initial_problems
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.commands.site_additions import add_missing
from gateway.errors import (
    ControllerUnavailable,
    GatewayError,
    InvalidRequest,
    NotFound,
    SettingsError,
    TooBusy,
)
from gateway.link.messages import (
    CONFIRM_WITHIN_S,
    ConfirmSite,
    ConfirmWithin,
    ProposeSite,
    SiteStatus,
    TakeBackSite,
)
from gateway.settings import (
    LONGEST_PROPOSAL,
    SITE_FILE,
    SiteFile,
    TrialState,
    good_copies,
    missing_parts,
    read_current_site,
    read_text,
    read_trial,
    text_digest,
    with_end,
)
from gateway.settings.problems import Problem, located, read_problems

STORED_WITHIN_S = 10.0
"""A card may take seconds to write a confirmed file."""
_LOOK_EVERY_S = 0.1

SiteText = Annotated[str, Field(max_length=LONGEST_PROPOSAL)]


class SiteTextRequest(RequestModel):
    """`check_site_file`."""

    text: SiteText


class ApplySiteRequest(SiteTextRequest):
    """`apply_site_file`."""

    accept_missing: bool = False
    """Whether doors, readers, outputs or inputs may be gone that the site has now."""
    confirm_within_s: ConfirmWithin = CONFIRM_WITHIN_S
    """How long the controller waits for the confirmation once it has started."""


class SiteDigestRequest(RequestModel):
    """`confirm_site_file`, `take_back_site_file`: which file is meant."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ProblemShown(TypedDict):
    """A problem of a site file."""

    line: int
    """Counted from 1; 0 if it is not known."""
    text: str


class SiteChecked(TypedDict):
    """Answer to `check_site_file`."""

    digest: str
    problems: list[ProblemShown]
    """Why it cannot be used; empty if it can."""
    warnings: list[str]
    """What works and is better mended."""
    missing: list[str]
    """What the site has now and would lose."""


class TrialShown(TypedDict):
    """The last proposed file that nobody has confirmed."""

    state: Literal["proposed", "tried", "taken_back"]
    digest: str
    text: str
    by: str
    why: str
    """Why it was taken back."""
    left_s: int
    """The time in which it must be confirmed; 0 unless it is on trial."""


class CopyShown(TypedDict):
    """A site file with which the controller once came up."""

    digest: str
    text: str


class SiteShown(TypedDict):
    """Answer to `site_file`."""

    text: str
    """The file as it is on the disk; empty if it cannot be read."""
    digest: str
    problems: list[ProblemShown]
    """Why the file is not used."""
    running: str
    """The digest of the file that the controller works with; empty while it is away."""
    api: str
    """The digest of the file that the API works with; it follows the controller by a restart."""
    origin: Literal["file", "last_good", "trial", ""]
    """Where the controller's file comes from."""
    trial: TrialShown | None
    copies: list[CopyShown]
    """The newest first."""


class Proposed(TypedDict):
    """Answer to `apply_site_file`."""

    digest: str


def site_file(call: Call[NoMembers]) -> SiteShown:
    """The site file, what is wrong with it, the one in force, and the last good copies."""
    data, status = call.context.data, _status(call.context)
    trial = read_trial(data)
    text, problems = "", list[Problem]()
    try:
        text = read_text(data / SITE_FILE)
        problems = _problems(call.context, text)[1]
        if not problems:
            read_current_site(data)
    except SettingsError as error:
        problems = [Problem(0, str(error))]
    return {
        "text": text,
        "digest": text_digest(text),
        "problems": _shown(problems),
        "running": status.digest if status else "",
        "api": call.context.site_digest,
        "origin": status.origin if status else "",
        "trial": None
        if trial is None
        else {
            "state": trial.state.value,
            "digest": text_digest(trial.text),
            "text": trial.text,
            "by": trial.by,
            "why": trial.why,
            "left_s": status.left_s if status and trial.state is TrialState.TRIED else 0,
        },
        "copies": [{"digest": text_digest(it), "text": it} for it in good_copies(data)],
    }


def check_site_file(call: Call[SiteTextRequest]) -> SiteChecked:
    """What is wrong with the text of a site file; changes nothing."""
    return checked(call.context, with_end(call.request.text))


def checked(context: CommandContext, text: str) -> SiteChecked:
    """What is wrong with the text of a site file."""
    site, problems = _problems(context, text)
    usable = site if not problems else None
    return {
        "digest": text_digest(text),
        "problems": _shown(problems),
        "warnings": [*context.site_rules.warnings(usable)] if usable else [],
        "missing": missing_parts(context.data, usable) if usable else [],
    }


def apply_site_file(call: Call[ApplySiteRequest]) -> Proposed:
    """Try a site file: the controller starts anew with it, then the API.

    It stays in force only if `confirm_site_file` follows in time after that start, from wherever
    the API then listens. Doors are locked or unlocked meanwhile as they declare for a
    stop. Sessions go on.
    """
    context, text = call.context, with_end(call.request.text)
    site, problems = _problems(context, text)
    if site is None or problems:
        raise InvalidRequest("; ".join(_in_words(problem) for problem in problems))
    missing = missing_parts(context.data, site)
    if missing and not call.request.accept_missing:
        raise InvalidRequest(
            f"the file has no longer {', '.join(missing)}: 'accept_missing' takes it as it is"
        )
    content = b64encode(text.encode()).decode()
    answer = context.controller.ask(
        ProposeSite(
            content=content,
            confirm_within_s=call.request.confirm_within_s,
            by=call.caller.login or "",
        )
    )
    return {"digest": str(answer.get("digest"))}


def confirm_site_file(call: Call[SiteDigestRequest]) -> Done:
    """Make the file on trial the site file, and add the rows that new doors and readers need."""
    context, digest = call.context, call.request.digest
    context.controller.ask(ConfirmSite(digest=digest))
    end_s = time.monotonic() + STORED_WITHIN_S
    while True:
        status = _status(context)
        if status is not None and status.digest == digest and status.origin == "file":
            break
        if status is not None and status.fault:
            raise GatewayError(status.fault)
        if time.monotonic() >= end_s:
            raise ControllerUnavailable("the controller has not stored the site file in time")
        time.sleep(_LOOK_EVERY_S)
    with context.policy_applied():
        add_missing(context.store, _site_of(context))
    return DONE


def take_back_site_file(call: Call[SiteDigestRequest]) -> Done:
    """End the trial now: the controller starts anew with the site file before."""
    call.context.controller.ask(TakeBackSite(digest=call.request.digest))
    return DONE


def _site_of(context: CommandContext) -> SiteFile:
    """The site file just confirmed, which this process may not have taken over yet."""
    with suppress(SettingsError):
        return read_current_site(context.data)
    return context.site


def _status(context: CommandContext) -> SiteStatus | None:
    with suppress(ControllerUnavailable):
        return context.controller.status().site
    return None


def _problems(context: CommandContext, text: str) -> tuple[SiteFile | None, list[Problem]]:
    site, problems = read_problems(text)
    if site is None:
        return None, problems
    try:
        found = [*context.site_rules.problems(site), *initial_problems(site)]
    except SettingsError as error:
        found = [str(error)]
    return site, located(text, found)


def _in_words(problem: Problem) -> str:
    return f"line {problem.line}: {problem.text}" if problem.line else problem.text


def _shown(problems: list[Problem]) -> list[ProblemShown]:
    return [{"line": problem.line, "text": problem.text} for problem in problems]


def _named(request: SiteDigestRequest) -> str:
    return f" {request.digest[:12]}"


def _proposed(request: ApplySiteRequest) -> str:
    return f" {text_digest(with_end(request.text))[:12]}"


_EXAMPLE = '[site]\nname = "Depot"\ntimezone = "Europe/Berlin"\nboard = "simulated"\n'
_DIGEST = {"digest": text_digest(with_end(_EXAMPLE))}

COMMANDS = (
    Command(site_file, Right.OWNER),
    Command(check_site_file, Right.OWNER, example={"text": _EXAMPLE}),
    Command(
        apply_site_file,
        Right.OWNER,
        audit=Audit(_proposed, refusals=True),
        errors=(ControllerUnavailable, TooBusy),
        example={"text": _EXAMPLE, "accept_missing": True},
    ),
    Command(
        confirm_site_file,
        Right.OWNER,
        audit=Audit(_named, refusals=True),
        errors=(ControllerUnavailable, NotFound),
        example=_DIGEST,
    ),
    Command(
        take_back_site_file,
        Right.OWNER,
        audit=Audit(_named, refusals=True),
        errors=(ControllerUnavailable, NotFound),
        example=_DIGEST,
    ),
)
