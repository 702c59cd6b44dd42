"""`gateway person` and `gateway card`, beside a gateway that runs and one that does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Home, Maker, Running, Site

UNKNOWN, GRANTED = 3, 7


@pytest.fixture(scope="module")
def site(make: Maker) -> Site:
    """A demo that does not run."""
    return make.demo()


def typed(site: Site, *words: str) -> Any:
    """`gateway` with the first two of `words`, the data directory of `site` and the others."""
    group, verb, *others = words
    return site.home.type(group, verb, "--data", site.data, *others)


def refused(site: Site, *words: str) -> str:
    done = typed(site, *words)
    assert (done.returncode, done.stdout) == (1, "")
    last: str = done.stderr.strip().splitlines()[-1]
    assert last.startswith("gateway: ")
    return last


def people(site: Site) -> dict[str, dict[str, Any]]:
    done = typed(site, "person", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("group", "words"),
    [("person", ("add", "group", "list", "remove")), ("card", ("add", "remove"))],
)
def test_both_explain_themselves(home: Home, group: str, words: tuple[str, ...]) -> None:
    done = home.type(group, "--help")
    assert done.returncode == 0
    for word in words:
        assert f"\n  {word} " in done.stdout
        assert f"gateway {group} {word} [OPTIONS]" in home.type(group, word, "--help").stdout


def test_people_are_added_listed_given_cards_and_removed(site: Site) -> None:
    made = typed(site, "person", "add", "Eva", "--card", "200,0", "--group", "1")
    assert made.returncode == 0, made.stderr
    assert made.stderr == f"added: {made.stdout.strip()}  Eva; cards 200,0; groups Standard\n"
    assert typed(site, "card", "add", "Eva", "4711").returncode == 0
    number = int(made.stdout)
    assert people(site)["Eva"] == {
        "id": number,
        "name": "Eva",
        "registration": "",
        "cards": ["200,0", "4711"],
        "groups": ["Standard"],
    }
    found = typed(site, "person", "list", "ev").stdout
    assert found == f"{number}  Eva; cards 200,0 4711; groups Standard\n"
    assert typed(site, "card", "remove", "4711").returncode == 0
    assert typed(site, "person", "remove", str(number)).returncode == 0
    assert "Eva" not in people(site)


def test_who_has_no_group_is_told_of(site: Site) -> None:
    made = typed(site, "person", "add", "Zoe")
    assert made.returncode == 0
    assert "no rule lets Zoe in without a group" in made.stderr
    assert "1 (Standard), 2 (Office)" in made.stderr
    typed(site, "person", "remove", "Zoe")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("person", "add", "Eva", "--card", "123,45678"), "card 123,45678 already belongs to Ana"),
        (("person", "add", "Eva", "--card", "12a"), "enter facility,number or one decimal number"),
        (("person", "add", "Eva", "--card", "0"), "'value'"),
        (("person", "add", "Eva", "--card", "6", "--group", "Nobody"), "there are 1 (Standard)"),
        (("person", "add", " "), "a person needs a name"),
        (("person", "remove", "Nobody"), "there is no person Nobody"),
        (("person", "remove", "9" * 30), "there is no person 999"),
        (("card", "add", "Nobody", "5"), "there is no person Nobody"),
        (("card", "remove", "5"), "nobody has card 5"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_left_half_done(
    site: Site, words: tuple[str, ...], said: str
) -> None:
    before = people(site)
    assert said in refused(site, *words)
    assert people(site) == before


def test_a_name_that_several_people_have_is_asked_about(site: Site) -> None:
    ids = [typed(site, "person", "add", "Twin").stdout.strip() for _ in range(2)]
    assert f"2 people are called Twin: give the id, of {', '.join(ids)}" in refused(
        site, "person", "remove", "Twin"
    )
    for number in ids:
        assert typed(site, "person", "remove", number).returncode == 0


def test_the_next_swipe_obeys_while_the_gateway_runs(demo: Running) -> None:
    assert demo.swiped("200,7")["event"] == UNKNOWN
    made = typed(demo.site, "person", "add", "Eva", "--card", "200,7", "--group", "Standard")
    assert made.returncode == 0, made.stderr
    number = int(made.stdout)
    demo.stranger()
    demo.wait_locked()
    granted = demo.swiped("200,7")
    assert (granted["event"], granted["user_id"]) == (GRANTED, number)
    assert typed(demo.site, "card", "remove", "200,7").returncode == 0
    demo.stranger()
    demo.wait_locked()
    assert demo.swiped("200,7")["event"] == UNKNOWN

    [row] = demo.api.load("users", where={"users": {"id": number}})
    assert row["name"] == "Eva"
    logged = demo.api.load("change_logs", where={"change_logs": {"table_id": number}})
    now = demo.api.ask("system_information")["time"]
    assert all(abs(int(str(change["timestamp"])) - now) < 3_600 for change in logged)
    told = [str(entry["details"]) for entry in demo.api.load("audit_logs")]
    assert any(f"(shell) at this device: person add {number} 'Eva'" in text for text in told)
    assert any("card remove 200,7 of" in text for text in told)
    demo.api.destroy("users", id=number)


def test_nothing_is_left_behind_by_a_command(site: Site) -> None:
    before = sorted(path.name for path in site.data.iterdir())
    typed(site, "person", "list")
    typed(site, "person", "add", "Gone")
    typed(site, "person", "remove", "Gone")
    assert sorted(path.name for path in site.data.iterdir()) == before


@pytest.mark.parametrize(
    ("printed", "said"),
    [("0005076483", "write 77,30211 where"), ("07730211", "write 77,30211 where")],
)
def test_a_printed_number_that_may_be_two_cards_is_refused_with_both(
    site: Site, printed: str, said: str
) -> None:
    assert said in refused(site, "card", "add", "Ana", printed)


def test_a_person_without_a_group_is_put_into_one_by_what_add_says(site: Site) -> None:
    made = typed(site, "person", "add", "Gil")
    assert f"`gateway person group --data {site.data} {made.stdout.strip()} GROUP`" in made.stderr
    assert typed(site, "person", "group", "Gil", "Standard").returncode == 0
    assert typed(site, "person", "group", "Gil", "1").returncode == 0
    assert people(site)["Gil"]["groups"] == ["Standard"]
    assert "there is no group" in refused(site, "person", "group", "Gil", "nobody")


def test_a_card_that_is_given_twice_in_one_command_is_given_once(site: Site) -> None:
    done = typed(site, "person", "add", "Zoe", "--card", "500,1", "--card", "500,01")
    assert done.returncode == 0, done.stderr
    assert people(site)["Zoe"]["cards"] == ["500,1"]
