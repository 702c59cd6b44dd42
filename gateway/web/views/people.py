"""People: the list, one person, and what they identify with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from gateway.access.credential_terms import CredentialStatus
from gateway.access.log_events import AccessEvent
from gateway.commands.answers import Rows
from gateway.commands.people import printed
from gateway.credentials.card_number import format_card, parse_printed_card
from gateway.errors import InvalidRequest, NotFound, worded
from gateway.objects.fields import invalid_value
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.people_boxes import people_boxes
from gateway.web.person_words import may_pass
from gateway.web.timed_ties import (
    EVERYBODY,
    MEMBERSHIPS,
    OWN_RULES,
    PERSON_TIES,
    TIED,
    TieKind,
    ends_in_group,
    possible_ties,
    store_ties,
    wanted_ties,
)
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit
from gateway.web.wall_times import form_time, moment, stamp_typed, wall_time

PAGE = 50
"""People on one page."""
_PASSAGES = 10
_LOOKED_AT = 100
"""The newest accesses among which unknown cards are looked for."""
_UNKNOWN_CARDS = 3
_ENROL_S = 30
"""Time to show a card at a reader."""
_TABLES = {"card": "cards", "qrcode": "qrcodes", "uhf_tag": "uhf_tags", "pin": "pins"}


_TERMS = ("status", "begin_time", "end_time", "uses", "used")
_STATUSES = {
    int(CredentialStatus.ACTIVE): noted("In order"),
    int(CredentialStatus.LOST): noted("Lost"),
    int(CredentialStatus.STOLEN): noted("Stolen: raises the silent alarm where that is on"),
    int(CredentialStatus.DISABLED): noted("Disabled"),
}


@dataclass(frozen=True, slots=True)
class _Filters:
    """What the list is narrowed to."""

    text: str
    group: int
    page: int

    @property
    def without_text(self) -> str:
        return _address(group=self.group)

    @property
    def without_group(self) -> str:
        return _address(q=self.text)

    @property
    def next(self) -> str:
        return _address(q=self.text, group=self.group, page=self.page + 1)


def _address(**members: object) -> str:
    return f"/people?{urlencode({name: it for name, it in members.items() if it})}"


def people(visit: Visit) -> Response:
    """Everybody, or whoever matches the search; for a script the list alone."""
    query = visit.query
    filters = _Filters(
        query.get("q", "").strip()[:100],
        number_typed("group", query.get("group") or "0"),
        number_typed("page", query.get("page") or "0"),
    )
    found: Mapping[str, Any] = dict.fromkeys(("doors", "portals", "areas", "groups"), ())
    if filters.text:
        narrowed = {"group_id": filters.group} if filters.group else {}
        found = visit.run("search", text=filters.text, limit=PAGE, **narrowed)
        rows, more = found["people"], found["more"]
    else:
        where = {"user_groups": {"group_id": filters.group}} if filters.group else {}
        rows = _rows(
            visit,
            "users",
            fields=["id", "name", "registration"],
            where=where,
            order=["name"],
            limit=PAGE + 1,
            offset=filters.page * PAGE,
        )
        rows, more = rows[:PAGE], len(rows) > PAGE
    return visit.page(
        "people/_found.html" if visit.in_part else "people/people.html",
        people=rows,
        more=more,
        found=found,
        filters=filters,
        groups=_groups(visit),
        ends=ends_in_group(visit, filters.group, [row["id"] for row in rows])
        if filters.group
        else {},
    )


def unknown_cards(visit: Visit) -> Response:
    """Cards that were shown lately and that nobody has."""
    logs = _rows(visit, "access_logs", order=["id", "descending"], limit=_LOOKED_AT)
    shown = {
        int(row["card_value"]): row
        for row in reversed(logs)
        if row["event"] == AccessEvent.NOT_IDENTIFIED and row["card_value"]
    }
    owned = (
        {row["value"] for row in _rows(visit, "cards", where={"cards": {"value": list(shown)}})}
        if shown
        else set()
    )
    portals = _names(visit, "portals")
    cards = [
        {
            "value": value,
            "printed": printed(value),
            "time": wall_time(visit, row["time"]),
            "portal": portals.get(row["portal_id"], ""),
        }
        for value, row in sorted(shown.items(), key=lambda it: -it[1]["id"])
        if value not in owned
    ]
    return visit.page("people/_unknown.html", cards=cards[:_UNKNOWN_CARDS])


def give(visit: Visit) -> Response:
    """Choose the person who gets a card."""
    value = number_typed("card", visit.query.get("card", ""))
    text = visit.query.get("q", "").strip()[:100]
    found = visit.run("search", text=text, limit=PAGE)["people"] if text else []
    return visit.page(
        "people/_takers.html" if visit.in_part else "people/give.html",
        card=value,
        printed=printed(value),
        people=found,
        text=text,
    )


def person(visit: Visit, user_id: int) -> Response:
    """One person: what they may do, what they have, where they passed."""
    row = _person(visit, user_id)
    portals = _names(visit, "portals")
    logs = _rows(
        visit,
        "access_logs",
        where={"access_logs": {"user_id": user_id}},
        order=["id", "descending"],
        limit=_PASSAGES,
    )
    passages = [
        {
            "id": log["id"],
            "time": wall_time(visit, log["time"]),
            "portal": portals.get(log["portal_id"], ""),
            "granted": log["event"] == AccessEvent.GRANTED,
        }
        for log in logs
    ]
    return visit.page(
        "people/person.html",
        person=row,
        sentence=_sentence(visit, row),
        begin=moment(visit, row["begin_time"]),
        end=moment(visit, row["end_time"]),
        groups=[it for it in possible_ties(visit, MEMBERSHIPS, user_id) if it.chosen],
        rules=[it for it in possible_ties(visit, OWN_RULES, user_id) if it.chosen],
        passages=passages,
        **_credentials(visit, user_id),
    )


def new_person(visit: Visit) -> Response:
    """The form for a person who is not there yet, maybe with a card that was shown."""
    card = visit.query.get("card", "")
    return visit.page(
        "people/form.html",
        person=None,
        begin="",
        end="",
        groups=possible_ties(visit, MEMBERSHIPS, 0, {EVERYBODY}),
        rules=possible_ties(visit, OWN_RULES, 0),
        slow=False,
        card=number_typed("card", card) if card else 0,
    )


def edit(visit: Visit, user_id: int) -> Response:
    """The form for a person who is there."""
    row = _person(visit, user_id)
    return visit.page(
        "people/form.html",
        person=row,
        begin=form_time(visit, row["begin_time"]),
        end=form_time(visit, row["end_time"]),
        groups=possible_ties(visit, MEMBERSHIPS, user_id),
        rules=possible_ties(visit, OWN_RULES, user_id),
        slow=bool(_marks(visit, user_id)["extended_times"]),
        card=0,
    )


def add(visit: Visit) -> Response:
    """Add a person with their groups."""
    values, ties = _values(visit), _wanted_ties(visit)
    card = visit.form.get("card", "")
    (user_id,) = visit.run("create_objects", object="users", values=[values])["ids"]
    for kind, wanted in ties.items():
        store_ties(visit, kind, user_id, wanted)
    if card:
        _create(visit, "cards", user_id=user_id, value=number_typed("card", card))
    return visit.to(f"/people/{user_id}")


def change(visit: Visit, user_id: int) -> Response:
    """Change a person and their groups."""
    _person(visit, user_id)
    values, ties = _values(visit), _wanted_ties(visit)
    where = {"users": {"id": user_id}}
    visit.run("modify_objects", object="users", values=values, where=where)
    for kind, wanted in ties.items():
        store_ties(visit, kind, user_id, wanted)
    return visit.to(f"/people/{user_id}")


def delete(visit: Visit, user_id: int) -> Response:
    """Delete a person with all that is theirs."""
    _person(visit, user_id)
    visit.run("destroy_objects", object="users", where={"users": {"id": user_id}})
    return visit.to("/people")


def credentials(visit: Visit, user_id: int) -> Response:
    """What a person identifies with, as a part of their page."""
    row = _person(visit, user_id)
    return visit.page("people/_credentials.html", person=row, **_credentials(visit, user_id))


def add_credential(visit: Visit, user_id: int, kind: str) -> Response:
    """Give a person a card, code or tag that somebody typed, or a PIN."""
    form, duress = visit.form, visit.form.get("duress") == "1"
    typed = form.get("value", "").strip()
    values: dict[str, object] = {"user_id": user_id, "value": typed}
    if kind == "card":
        values["value"] = _card(typed)
        if duress:
            values["panic"] = 1
    elif kind == "pin":
        values["pin_type"] = int(duress)
    elif kind not in _TABLES:
        raise NotFound(f"kind: must be one of {', '.join(_TABLES)}")
    _create(visit, _TABLES[kind], **values)
    return credentials(visit, user_id)


def boxes(visit: Visit) -> Response:
    """People as boxes of a form, `people`: those that are ticked, and who matches a search."""
    query = visit.query
    chosen = {number_typed("people", it) for it in query.getlist("people")}
    text = query.get("q", "").strip()[:100]
    found = people_boxes(visit, chosen, text)
    at = query.get("at", "found")[:20]
    return visit.page("people/_boxes.html", boxes=found, text=text, at=at)


def give_card(visit: Visit, user_id: int) -> Response:
    """Give a person a card that was shown, by its value."""
    _person(visit, user_id)
    value = number_typed("card", visit.form.get("card", ""))
    _create(visit, "cards", user_id=user_id, value=value)
    return visit.to(f"/people/{user_id}")


def change_terms(visit: Visit, user_id: int, kind: str, credential: int) -> Response:
    """Change status, validity and uses of a credential."""
    if kind not in _TABLES:
        raise NotFound(f"kind: must be one of {', '.join(_TABLES)}")
    table, form = _TABLES[kind], visit.form
    values = {
        "status": number_typed("status", form.get("status", "")),
        "begin_time": stamp_typed(visit, "begin_time"),
        "end_time": stamp_typed(visit, "end_time"),
        "uses": number_typed("uses", form.get("uses", "").strip() or "0"),
    }
    where = {table: {"id": credential, "user_id": user_id}}
    visit.run("modify_objects", object=table, values=values, where=where)
    return credentials(visit, user_id)


def take_credential(visit: Visit, user_id: int, kind: str, credential: int) -> Response:
    """Take a credential from a person."""
    if kind not in _TABLES:
        raise NotFound(f"kind: must be one of {', '.join(_TABLES)}")
    table = _TABLES[kind]
    where = {table: {"id": credential, "user_id": user_id}}
    visit.run("destroy_objects", object=table, where=where)
    return credentials(visit, user_id)


def enrol(visit: Visit, user_id: int) -> Response:
    """Wait for a card, code or PIN at a reader."""
    kind, reader = visit.form.get("kind", "card"), visit.form.get("reader", "")
    visit.run(
        "remote_enroll",
        type=kind,
        user_id=user_id,
        save=True,
        sync=False,
        countdown=_ENROL_S,
        panic_finger=visit.form.get("duress") == "1",
        reader=reader or None,
    )
    return _enrolment(visit, user_id, waits=True)


def enrolment(visit: Visit, user_id: int) -> Response:
    """How the enrolment goes."""
    state = visit.run("enroller_state")
    if state["enroller_state"] != "NORMAL_STATE":
        return _enrolment(visit, user_id, waits=True)
    return _enrolment(
        visit,
        user_id,
        succeeded=state["last_enroll"],
        why=state["last_enroll_message"],
    )


def cancel_enrolment(visit: Visit, user_id: int) -> Response:
    """End the enrolment."""
    visit.run("cancel_remote_enroll")
    return _enrolment(visit, user_id)


def photo(visit: Visit, user_id: int) -> Response:
    """The photo of a person."""
    return visit.download("user_get_image", user_id=user_id)


def set_photo(visit: Visit, user_id: int) -> Response:
    """Store the photo in the body."""
    answer = visit.run("user_set_image", user_id=user_id, body=request.get_data())
    if not answer["success"]:
        raise InvalidRequest(answer["errors"][0]["message"])
    return Response(status=204)


def remove_photo(visit: Visit, user_id: int) -> Response:
    """Delete the photo of a person."""
    visit.run("user_destroy_image", user_ids=[user_id])
    return visit.to(f"/people/{user_id}")


def _enrolment(visit: Visit, user_id: int, **values: object) -> Response:
    shown: dict[str, Any] = {
        "person_id": user_id,
        "waits": False,
        "succeeded": None,
        "why": "",
        **values,
    }
    return visit.page("people/_enrolment.html", **shown)


def _rows(visit: Visit, name: str, **search: object) -> list[Any]:
    answer = visit.answer("load_objects", object=name, **search)
    return list(answer.rows) if isinstance(answer, Rows) else []


def _names(visit: Visit, name: str) -> dict[int, str]:
    return {row["id"]: row["name"] for row in _rows(visit, name, fields=["id", "name"])}


def _groups(visit: Visit) -> list[Any]:
    return _rows(visit, "groups", fields=["id", "name"], order=["name"])


def _person(visit: Visit, user_id: int) -> Any:
    found = _rows(visit, "users", where={"users": {"id": user_id}})
    if not found:
        raise NotFound(f"there is no user {user_id}")
    return found[0]


def _marks(visit: Visit, user_id: int) -> Any:
    """The columns of ours, which only a request that names them gets."""
    where = {"users": {"id": user_id}}
    (found,) = _rows(visit, "users", fields=["extended_times"], where=where)
    return found


def _credentials(visit: Visit, user_id: int) -> dict[str, Any]:
    def of_person(name: str, *fields: str) -> list[Any]:
        where = {name: {"user_id": user_id}}
        rows = _rows(visit, name, fields=["id", *fields, *_TERMS], where=where)
        return [
            {
                **row,
                "begin": form_time(visit, row["begin_time"]),
                "end": form_time(visit, row["end_time"]),
                "status_words": _(_STATUSES[row["status"]]) if row["status"] else "",
            }
            for row in rows
        ]

    marks = visit.caller.sees_secrets
    cards = of_person("cards", "value", *(("panic",) if marks else ()))
    return {
        "cards": [
            {**card, "printed": printed(card["value"]), "readings": format_card(card["value"])}
            for card in cards
        ],
        "qrcodes": of_person("qrcodes", "value"),
        "uhf_tags": of_person("uhf_tags", "value"),
        # A PIN is written here and shown nowhere.
        "pins": of_person("pins", *(("pin_type",) if marks else ())),
        "readers": [reader.name for reader in visit.context.site.reader],
        "marks": marks,
        "statuses": {status: _(words) for status, words in _STATUSES.items()},
    }


def _sentence(visit: Visit, row: Mapping[str, Any]) -> str:
    return may_pass(
        visit.run("when_can", user_id=row["id"]),
        moment(visit, row["begin_time"]),
        moment(visit, row["end_time"]),
        visit.local_now.replace(tzinfo=None),
    )


def _values(visit: Visit) -> dict[str, object]:
    form = visit.form
    name = form.get("name", "").strip()
    if not name:
        raise invalid_value("name", worded("it is missing"))
    return {
        "name": name,
        "registration": form.get("registration", "").strip(),
        "begin_time": stamp_typed(visit, "begin_time"),
        "end_time": stamp_typed(visit, "end_time"),
        "extended_times": int(form.get("extended_times") == "1"),
    }


def _wanted_ties(visit: Visit) -> dict[TieKind, dict[int, int]]:
    """Of each kind that the form has."""
    there = visit.form.getlist(TIED)
    return {kind: wanted_ties(visit, kind) for kind in PERSON_TIES if kind.control in there}


def _create(visit: Visit, name: str, **values: object) -> None:
    if name == "cards":
        # The command's own refusal names a column, not the person.
        for other in _rows(visit, "users", where={"cards": {"value": values["value"]}}):
            raise invalid_value("value", worded("%(name)s has this card", name=other["name"]))
    visit.run("create_objects", object=name, values=[values])


def _card(typed: str) -> int:
    try:
        return parse_printed_card(typed)
    except ValueError as error:
        why = worded("write it as facility,number or as one decimal number, without zeros in front")
        raise InvalidRequest(str(error), members=("value",), why=why) from error


VIEWS = (
    View("/people", people),
    View("/people/unknown", unknown_cards),
    View("/people/give", give),
    View("/people/boxes", boxes),
    View("/people/new", new_person),
    View("/people/new", add, method="POST", labels=form_labels.PERSON),
    View("/people/<int:user_id>", person),
    View("/people/<int:user_id>/edit", edit),
    View("/people/<int:user_id>/edit", change, method="POST", labels=form_labels.PERSON),
    View("/people/<int:user_id>/delete", delete, method="POST"),
    View("/people/<int:user_id>/give", give_card, method="POST"),
    View("/people/<int:user_id>/credentials", credentials),
    View(
        "/people/<int:user_id>/credentials/<kind>",
        add_credential,
        method="POST",
        labels=form_labels.CREDENTIAL,
    ),
    View(
        "/people/<int:user_id>/credentials/<kind>/<int:credential>", take_credential, method="POST"
    ),
    View(
        "/people/<int:user_id>/credentials/<kind>/<int:credential>/terms",
        change_terms,
        method="POST",
        labels=form_labels.CREDENTIAL_TERMS,
    ),
    View("/people/<int:user_id>/enrolment", enrolment),
    View("/people/<int:user_id>/enrolment", enrol, method="POST", labels=form_labels.ENROLMENT),
    View("/people/<int:user_id>/enrolment/cancel", cancel_enrolment, method="POST"),
    View("/people/<int:user_id>/photo", photo),
    View("/people/<int:user_id>/photo", set_photo, method="POST"),
    View("/people/<int:user_id>/photo/remove", remove_photo, method="POST"),
)
