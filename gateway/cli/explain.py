"""`gateway explain`: why a door opened or did not, who can open it, and when.

It reads the files of a data directory, so it works with or without a running gateway. It asks a
running one for the state of its doors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import directory_of, group_data_option, initialised, json_option
from gateway.cli.printing import one_line
from gateway.cli.running import controller_of
from gateway.clock import DeviceTime, SiteZone, SystemClock, WireTime
from gateway.commands.explain import ExplainRequest, explained
from gateway.commands.explain_event import (
    EventExplained,
    ExplainEventRequest,
    explained_event,
)
from gateway.commands.requests import parse
from gateway.commands.who_can_open import WhenCanRequest, WhoCanOpenRequest, rows_of_people, week
from gateway.credentials.card_number import parse_card
from gateway.errors import ControllerUnavailable, DataDirectoryError
from gateway.explain.rules import RulesCache
from gateway.explain.site_view import ExplainContext, SiteView
from gateway.explain.time_words import KINDS, clock_words
from gateway.link.messages import ControllerStatus
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.settings import read_running_site
from gateway.settings.seal_key import sealer_of
from gateway.store.files import JOURNAL_FILE, STORE_FILE, database
from gateway.triggers.words import TRIGGER_EVENTS

_DAY_S = 86_400
_MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """A moment on the site's wall clock, counted as if UTC."""
    if value is None:
        return None
    for form in _MOMENTS:
        with suppress(ValueError):
            return datetime.strptime(value.replace("T", " "), form).replace(tzinfo=UTC)
    raise click.BadParameter(f"{value!r} is not a date and time such as 2026-11-23 09:00")


def _card(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else parse_card(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_at = click.option(
    "--at", callback=_moment, help="Local time, such as 2026-11-23 09:00. Default: now."
)


@click.group(invoke_without_command=True)
@group_data_option
@json_option
@click.option("--log", "access_log_id", type=int, help="The id of a row of access_logs.")
@click.option("--user", "user_id", type=int, help="A person, by id.")
@click.option("--card", "card_value", callback=_card, help="A card: 123,45678 or a plain number.")
@click.option("--qr", "qrcode_value", help="The text of a QR code.")
@click.option("--portal", "portal_id", type=int, help="The portal, by id.")
@click.option("--reader", help="A reader of the site file; stands for its portal.")
@click.option(
    "--event",
    type=click.Choice(list(TRIGGER_EVENTS)),
    metavar="EVENT",
    help="Which triggers an event sets off, such as door_opened or alarm; with --door, --reader, "
    "--user, --cause and --at.",
)
@click.option("--door", type=int, help="The door of --event, by number.")
@click.option("--cause", type=int, help="The cause of the alarm of --event, such as 7 for forced.")
@_at
@click.option(
    "--all", "everything", is_flag=True, help="Show every step of the decision and every rule."
)
@click.pass_context
def explain(
    ctx: click.Context,
    /,
    data: Path | None,
    at: datetime | None,
    *,
    as_json: bool,
    everything: bool,
    **asked: object,
) -> None:
    """Explain a logged access (--log), or what would happen to one (--user, --portal, --at), or
    which triggers an event would set off (--event)."""
    ctx.obj = (data, as_json)
    if ctx.invoked_subcommand is not None:
        return
    given = _given(asked)
    if "event" in given:
        with _view(data) as view:
            foreseen = explained_event(view, parse(ExplainEventRequest, given | _time(view, at)))
        click.echo(_json(foreseen) if as_json else "\n".join(map(one_line, _foreseen(foreseen))))
        return
    if given.keys() & {"door", "cause"}:
        raise click.UsageError("--door and --cause belong to --event")
    if "access_log_id" in given and (len(given) > 1 or at is not None):
        raise click.UsageError("--log explains a logged access; it takes no other question")
    with _view(data) as view:
        request = parse(ExplainRequest, given | _time(view, at))
        answer = explained(view, request)
    click.echo(
        _json(answer)
        if as_json
        else "\n".join(map(one_line, _explanation(answer, everything=everything)))
    )


@explain.command()
@click.option("--portal", "portal_id", type=int, help="The portal, by id.")
@click.option("--door", type=int, help="A door by number: all portals that open it.")
@click.option("--now", is_flag=True, help="Only people who may pass at the time of --at.")
@_at
@click.pass_obj
def who(obj: tuple[Path | None, bool], /, at: datetime | None, **asked: object) -> None:
    """List the people whom the rules let pass in the week of --at."""
    data, as_json = obj
    with _view(data) as view:
        for row in rows_of_people(view, parse(WhoCanOpenRequest, _given(asked) | _time(view, at))):
            mark = "now" if row["now"] else "at other times"
            click.echo(
                _json(row) if as_json else f"{row['user_id']:>10}  {mark:<14}  {row['name']}"
            )


@explain.command(name="when")
@click.option("--user", "user_id", type=int, required=True, help="The person, by id.")
@click.option("--portal", "portal_id", type=int, help="One portal, by id. Default: every portal.")
@_at
@click.pass_obj
def when_(obj: tuple[Path | None, bool], /, at: datetime | None, **asked: object) -> None:
    """Show a person's week, from Monday to Sunday, at each portal."""
    data, as_json = obj
    with _view(data) as view:
        answer = week(view, parse(WhenCanRequest, _given(asked) | _time(view, at)))
    click.echo(_json(answer) if as_json else "\n".join(map(one_line, _week(answer))))


def _given(asked: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in asked.items() if value is not None}


@contextmanager
def _view(given: Path | None) -> Iterator[SiteView]:
    data = initialised(directory_of(given))
    site = read_running_site(data)
    zone = SiteZone(site.site.zone)
    with ExitStack() as stack:
        store = database.open_reader(data / STORE_FILE)
        stack.callback(store.close_all)
        view = SiteView(
            ExplainContext(
                database=store,
                models=Models(REGISTRY, store, sealer_of(data, site)),
                rules_cache=RulesCache(),
                journal=data / JOURNAL_FILE,
                site=site,
                clock=SystemClock(),
                device_time=DeviceTime(zone, site.site.wire_time),
                status=lambda: _status(data),
            )
        )
        zone.override(view.configured("ntp", "timezone"))
        yield view


def _status(data: Path) -> ControllerStatus | None:
    try:
        with controller_of(data) as client:
            return client.status()
    except (ControllerUnavailable, DataDirectoryError):
        return None


def _time(view: SiteView, at: datetime | None) -> dict[str, int]:
    """The request's `time` for a moment on the site's wall clock."""
    if at is None:
        return {}
    local = int(at.timestamp())
    if view.site.site.wire_time is WireTime.LOCAL:
        return {"time": local}
    return {"time": view.device_time.midnight(at.date()) + local % _DAY_S}


def _json(answer: Mapping[str, object]) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _gestures(sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield from ("", "beside opening")
    for sentence in sentences:
        yield f"  - {sentence}"


def _explanation(answer: Mapping[str, Any], *, everything: bool) -> Iterator[str]:
    """The verdict, the deciding gate, what to change and the rules; `everything` adds all gates."""
    yield answer["text"]
    decided = answer["decided_by"]
    reported = [stage for stage in answer["stages"] if stage["text"]]
    if reported:
        yield ""
    for stage in reported:
        head = "decided by" if stage["stage"] == decided else "then"
        yield f"{head} {_words(stage['stage'])}: {stage['text']}"
    if answer["to_change"]:
        yield from ("", "what to do")
    for change in answer["to_change"]:
        yield f"  - {change}"
    yield from _gestures(answer.get("gestures", ()))
    if everything and answer["stages"]:
        yield from ("", "gates")
        for stage in answer["stages"]:
            line = f"  {_words(stage['stage']):<15} {_words(stage['verdict']):<12}"
            yield f"{line}  {stage['text']}".rstrip()
    mine = [rule for rule in answer["rules"] if everything or rule["person"] is not None]
    if mine and (everything or decided in (None, "rules")):
        yield from ("", "rules")
        for rule in mine:
            yield f"  {'*' if rule['applied'] else ' '} {rule['text']}"
        if everything and answer["rules_left_out"]:
            yield f"    and {answer['rules_left_out']} more that are not tied to the person"


def _foreseen(answer: EventExplained) -> Iterator[str]:
    """A line for each trigger."""
    if not answer["triggers"]:
        yield "there is no trigger"
    for trigger in answer["triggers"]:
        comes = datetime.fromtimestamp(trigger["next"], UTC) if "next" in trigger else None
        following = f"; next {comes:%Y-%m-%d %H:%M:%S}" if comes else ""
        yield f"{trigger['id']:>4}  {trigger['name']}: {trigger['text']}{following}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _week(answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"user {answer['user_id']} '{answer['name']}'"
    for portal in answer["portals"]:
        yield from ("", f"portal {portal['portal_id']} '{portal['name']}'")
        hours = _by_day(portal["passes"])
        free = _by_day(portal["unlocked"])
        for day in answer["days"]:
            named = date.fromisoformat(day["date"])
            weekday = KINDS[named.isoweekday() % 7]
            holidays = f"  [{', '.join(day['holidays'])}]" if day["holidays"] else ""
            open_to_all = f"  unlocked {', '.join(free[named])}" if named in free else ""
            text = ", ".join(hours.get(named, ["-"]))
            yield f"  {weekday:<10} {named}  {text}{open_to_all}{holidays}"


def _by_day(intervals: list[Mapping[str, str]]) -> dict[date, list[str]]:
    """The hours of each date, from intervals that may span many days."""
    pieces = [piece for interval in intervals for piece in _cut(interval)]
    return {
        day: [hours for _day, hours in found]
        for day, found in groupby(pieces, key=lambda piece: piece[0])
    }


def _cut(interval: Mapping[str, str]) -> Iterator[tuple[date, str]]:
    first = datetime.fromisoformat(interval["from"])
    last = datetime.fromisoformat(interval["to"])
    for number in range((last.date() - first.date()).days + 1):
        day = first.date() + timedelta(days=number)
        begin = _second(first) if day == first.date() else 0
        end = _second(last) if day == last.date() else _DAY_S
        yield day, f"{clock_words(begin)}-{clock_words(end, end=True)}"


def _second(at: datetime) -> int:
    return at.hour * 3_600 + at.minute * 60 + at.second
