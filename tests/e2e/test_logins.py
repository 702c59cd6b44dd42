"""Several API logins on the installed program: typed at a device that stands still, and at one
that works."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from tests.e2e.conftest import Home, Maker, Running, Site

PASSWORD = "tulip fields 43"


@pytest.fixture(scope="module")
def site(make: Maker) -> Site:
    """A demo that does not run."""
    return make.demo()


def typed(site: Site, *words: str, stdin: str = "") -> Any:
    """`gateway login` with `words` on the data directory of `site`."""
    verb, *others = words
    return site.home.type("login", verb, "--data", site.data, *others, stdin=stdin)


def roles(site: Site) -> dict[str, str]:
    done = typed(site, "list", "--json")
    assert done.returncode == 0, done.stderr
    return {row["login"]: row["role"] for row in json.loads(done.stdout)}


def log_in(running: Running, login: str, password: str) -> str:
    """The session, empty when the password is refused."""
    body = {"login": login, "password": password}
    answer = requests.post(f"{running.url}/login.fcgi", json=body, timeout=20)
    assert answer.status_code in {200, 401}
    session: str = answer.json().get("session", "")
    return session


def ask(running: Running, session: str, command: str, body: object = None) -> int:
    url = f"{running.url}/{command}.fcgi?session={session}"
    return requests.post(url, json=body, timeout=20).status_code


def test_a_login_explains_itself(home: Home) -> None:
    done = home.type("login", "--help")
    assert done.returncode == 0
    for word in ("add", "list", "remove", "role"):
        assert f"\n  {word} " in done.stdout
        assert f"gateway login {word} [OPTIONS]" in home.type("login", word, "--help").stdout


def test_logins_are_made_listed_promoted_and_removed(site: Site) -> None:
    made = typed(site, "add", "desk")
    assert made.returncode == 0, made.stderr
    assert len(made.stdout.strip()) >= 16
    assert "shown only once" in made.stderr
    given = typed(site, "add", "eva", "--role", "administrator", "--stdin", stdin=f"{PASSWORD}\n")
    assert (given.returncode, given.stdout) == (0, "")
    assert PASSWORD not in given.stderr
    assert "warning" not in given.stderr
    assert roles(site) == {"admin": "administrator", "desk": "operator", "eva": "administrator"}
    assert "operator       desk" in typed(site, "list").stdout
    assert typed(site, "role", "desk", "administrator").returncode == 0
    assert typed(site, "role", "eva", "operator").returncode == 0
    assert typed(site, "remove", "eva").returncode == 0
    assert roles(site) == {"admin": "administrator", "desk": "administrator"}
    assert typed(site, "remove", "desk").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "admin"), "the login admin exists"),
        (("add", "x", "--stdin"), "password"),
        (("add", " x"), "no space"),
        (("remove", "nobody"), "there is no login nobody"),
        (("remove", "admin"), "admin is the last administrator"),
        (("role", "admin", "operator"), "admin is the last administrator"),
        (("role", "nobody", "operator"), "there is no login nobody"),
    ],
    ids=lambda it: it if isinstance(it, str) else " ".join(it),
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    site: Site, words: tuple[str, ...], said: str
) -> None:
    before = roles(site)
    done = typed(site, *words, stdin="\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert roles(site) == before


def test_a_role_that_nobody_knows_is_a_wrong_call(site: Site) -> None:
    for words in (("role", "admin", "king"), ("add", "x", "--role", "king"), ("add",)):
        assert typed(site, *words).returncode == 2


def test_a_directory_without_init_is_refused_naming_init(home: Home) -> None:
    data = home.new_path()
    done = home.type("login", "list", "--data", data)
    assert done.returncode == 1
    assert "gateway init" in done.stderr
    assert not data.exists()


def test_admin_admin_can_be_chosen_with_a_warning(make: Maker) -> None:
    site = make.demo()
    done = site.type("passwd", "--stdin", stdin="admin\n")
    assert done.returncode == 0
    assert "warning: the password of admin is weak: it is the login itself" in done.stderr
    again = typed(site, "add", "root", "--stdin", stdin="root\n")
    assert again.returncode == 0
    assert "warning: the password of root is weak" in again.stderr
    with make.run(type(site)(site.home, site.data, "admin")) as running:
        assert log_in(running, "root", "root")


def test_a_running_device_obeys_what_is_typed_at_the_next_request(demo: Running) -> None:
    site = demo.site
    made = typed(site, "add", "desk", "--role", "administrator")
    password = made.stdout.strip()
    session = log_in(demo, "desk", password)
    assert ask(demo, session, "list_logins") == 200
    assert typed(site, "role", "desk", "operator").returncode == 0
    assert ask(demo, session, "list_logins") == 401
    session = log_in(demo, "desk", password)
    assert ask(demo, session, "list_logins") == 403
    assert ask(demo, session, "doors_state") == 200
    assert typed(site, "remove", "desk").returncode == 0
    assert ask(demo, session, "doors_state") == 401
    assert log_in(demo, "desk", password) == ""


def test_what_is_asked_over_the_api_is_what_is_listed(demo: Running) -> None:
    body = {"login": "eva", "password": PASSWORD, "role": "operator"}
    assert demo.api.post("create_login", body) == (200, {})
    assert roles(demo.site)["eva"] == "operator"
    assert log_in(demo, "eva", PASSWORD)
    assert demo.api.post("delete_login", {"login": "admin"})[0] == 400
    assert demo.api.post("delete_login", {"login": "eva"}) == (200, {})
    assert "eva" not in roles(demo.site)


def test_a_wire_is_told_by_the_vendors_number(demo: Running, eventually: Any) -> None:
    def value(gpio: int) -> int:
        return int(demo.api.ask("gpio_state", {"gpio": gpio})["value"])

    state = demo.api.ask("gpio_state", {"gpio": 5})
    assert (state["pin"], state["enabled"], state["in"]) == ("door_sensor1", 1, 1)
    assert state["value"] == state["idle"]
    demo.sim("door", door="front", value="open")
    eventually(lambda: value(5) != state["idle"], "the level of an open door")
    assert value(11) == 0
    demo.api.ask(
        "execute_actions", {"actions": [{"action": "door", "parameters": "door=1, timeout=0"}]}
    )
    assert value(11) == 1
    demo.api.ask(
        "execute_actions", {"actions": [{"action": "door", "parameters": "door=1, timeout=-1"}]}
    )
    assert value(11) == 0
    status, answer = demo.api.post("gpio_state", {"gpio": 9})
    assert (status, answer["error"]) == (404, "gpio 9: no wire of this site has this number")


def test_nobody_is_told_that_a_message_was_shown(demo: Running) -> None:
    status, answer = demo.api.post("message_to_screen", {"message": "Hello", "timeout": 0})
    assert (status, answer["error"]) == (400, "message_to_screen: this device has no screen")
