"""Exception modes over HTTP: who may set which, what is kept of it, and how they end; and the
lists of the interlock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import requests

from gateway.commands.modes import end_modes, keep_modes
from gateway.errors import NotPermitted, StorageError
from gateway.link.messages import EndedMode, KeepModes
from gateway.store.objects.store import Store
from gateway.store.tables.audit import Repeats

if TYPE_CHECKING:
    from tests.unit.api.conftest import Order

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
NOON_LOCAL = int(NOON.timestamp()) - 3 * 3_600
FREE = {"mode": "none", "login": "", "reason": "", "since": 0, "until": 0}


@pytest.fixture(autouse=True)
def _no_mode(throwaway: SimpleNamespace) -> None:
    keys = ("exception_mode", "door1_exception_mode", "door2_exception_mode")
    throwaway.context.store.set_configuration({"general": dict.fromkeys(keys, "none")})
    # A refusal is written down again, and it is noon all the same.
    throwaway.context.clock.advance(Repeats.REFUSALS_PAUSE_S)
    throwaway.context.clock.set_utc(NOON)


def ask(order: Order, command: str, body: object = None, login: str = "admin") -> tuple[int, Any]:
    answer: requests.Response = order(command, body, login=login)
    return answer.status_code, answer.json()


def put(order: Order, mode: str, door: int = 1, login: str = "admin", **more: object) -> int:
    body = {"door": door, "mode": mode, "reason": "a fight outside", **more}
    return ask(order, "set_exception_mode", body, login)[0]


def modes(order: Order) -> dict[int, dict[str, Any]]:
    status, body = ask(order, "get_exception_modes")
    assert status == 200
    return {row.pop("door"): row for row in body["exception_modes"]}


def key(order: Order, name: str = "door1_exception_mode") -> str:
    return str(ask(order, "get_configuration", {"general": [name]})[1]["general"][name])


def audit(throwaway: SimpleNamespace) -> list[str]:
    rows = throwaway.context.store.load({"object": "audit_logs", "order": ["id"]}).rows
    return [str(row["details"]) for row in rows]


@pytest.mark.effect("set_exception_mode", "get_exception_modes")
def test_a_mode_is_kept_with_who_why_and_until(order: Order) -> None:
    assert put(order, "lock_down", minutes=30) == 200
    assert key(order) == "lock_down"
    assert modes(order) == {
        0: FREE,
        1: {
            "mode": "lock_down",
            "login": "admin",
            "reason": "a fight outside",
            "since": NOON_LOCAL,
            "until": NOON_LOCAL + 30 * 60,
        },
        2: FREE,
    }


def test_door_0_is_the_device(order: Order) -> None:
    assert put(order, "emergency", 0) == 200
    assert key(order, "exception_mode") == "emergency"
    assert modes(order)[0]["reason"] == "a fight outside"


def test_ending_a_mode_is_kept_too(order: Order) -> None:
    assert put(order, "emergency") == 200
    assert put(order, "none", reason="all is well") == 200
    assert key(order) == "none"
    assert modes(order)[1] == {
        "mode": "none",
        "login": "admin",
        "reason": "all is well",
        "since": NOON_LOCAL,
        "until": 0,
    }


def test_a_mode_is_ended_without_a_word(order: Order) -> None:
    assert put(order, "lock_down") == 200
    status, _ = ask(order, "set_exception_mode", {"door": 1, "mode": "none"})
    assert (status, key(order)) == (200, "none")


def test_configuration_clears_what_was_known(order: Order) -> None:
    assert put(order, "lock_down", minutes=30) == 200
    status, _ = ask(order, "set_configuration", {"general": {"door1_exception_mode": "lock_down"}})
    assert status == 200
    assert modes(order)[1] == {**FREE, "mode": "lock_down"}


@pytest.mark.refusal("set_exception_mode")
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"mode": "lockdown"}, "mode"),
        ({"mode": "EMERGENCY"}, "mode"),
        ({"mode": None}, "mode"),
        ({"door": 3}, "door"),
        ({"door": -1}, "door"),
        ({"door": True}, "door"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 43_201}, "minutes"),
        ({"minutes": "5"}, "minutes"),
        ({"mode": "none", "minutes": 5}, "minutes"),
    ],
    ids=str,
)
def test_what_makes_no_sense_changes_nothing(order: Order, wrong: Any, named: str) -> None:
    assert put(order, "emergency") == 200
    body = {"door": 1, "mode": "lock_down", "reason": "r", **wrong}
    status, answer = ask(order, "set_exception_mode", body)
    assert status == 400
    assert named in answer["error"]
    assert key(order) == "emergency"


@pytest.mark.refusal("set_exception_mode", "get_exception_modes")
def test_nobody_asks_without_a_session(order: Order) -> None:
    for command in ("set_exception_mode", "get_exception_modes"):
        body = {"door": 1, "mode": "lock_down", "reason": "r"}
        assert order(command, body, login=None).status_code == 401
    assert key(order) == "none"


def test_an_operator_locks_down_what_is_in_no_mode_and_nothing_else(order: Order) -> None:
    assert put(order, "emergency", login="operator") == 403
    assert put(order, "lock_down", login="operator") == 200
    assert modes(order)[1]["login"] == "operator"
    for mode in ("none", "emergency", "lock_down"):
        assert put(order, mode, login="operator") == 403
    assert key(order) == "lock_down"
    assert put(order, "emergency") == 200
    assert put(order, "lock_down", login="operator") == 403
    assert key(order) == "emergency"


def test_clients_do_not_write_the_rows(order: Order) -> None:
    assert put(order, "lock_down") == 200
    forged = {"object": "exception_modes", "values": [{"door_id": 2, "mode": "none"}]}
    assert ask(order, "create_objects", forged)[0] == 400
    assert ask(order, "create_or_modify_objects", forged)[0] == 400
    modified = {"object": "exception_modes", "values": {"until_utc": 1}}
    assert ask(order, "modify_objects", modified)[0] == 400
    assert ask(order, "destroy_objects", {"object": "exception_modes"})[0] == 400
    rows = ask(order, "load_objects", {"object": "exception_modes"})[1]["exception_modes"]
    assert [(row["door_id"], row["until_utc"]) for row in rows] == [(1, 0)]


def test_the_end_is_by_the_controllers_clock(order: Order, throwaway: SimpleNamespace) -> None:
    status = throwaway.straw.status
    throwaway.straw.status = status.model_copy(update={"clock_shift_s": 3_600.0})
    assert put(order, "lock_down", minutes=1) == 200
    assert modes(order)[1]["until"] == NOON_LOCAL + 3_660


def test_without_a_certain_clock_no_mode_ends_by_it(
    order: Order, throwaway: SimpleNamespace
) -> None:
    status = throwaway.straw.status
    throwaway.straw.status = status.model_copy(update={"clock_trusted": False})
    assert put(order, "lock_down", minutes=1) == 400
    assert put(order, "lock_down") == 200


def test_the_audit_log_tells_old_new_who_and_why(order: Order, throwaway: SimpleNamespace) -> None:
    assert put(order, "lock_down", minutes=5) == 200
    assert put(order, "none", login="operator") == 403
    changed, done, refused = audit(throwaway)[-3:]
    assert changed.endswith('general.door1_exception_mode "none" -> "lock_down"')
    assert done.endswith("lock_down for door 1 for 5 minutes, 'a fight outside'")
    assert done.startswith("admin (administrator)")
    assert refused.startswith("operator (operator)")
    assert "refused" in refused


def test_a_mode_that_is_over_is_written_down_once(order: Order, throwaway: SimpleNamespace) -> None:
    assert put(order, "lock_down", minutes=5) == 200
    until = int((NOON + timedelta(minutes=5)).timestamp())
    end_modes(throwaway.context, [EndedMode(door=1, until_utc=until)])
    assert key(order) == "none"
    assert modes(order)[1]["reason"] == "its time was over"
    said = audit(throwaway)[-1]
    assert said.endswith("door1_exception_mode lock_down -> none, its time was over")
    end_modes(throwaway.context, [EndedMode(door=1, until_utc=until)])
    assert audit(throwaway)[-1] == said


def test_late_news_of_an_end_does_not_end_the_mode_that_was_set_since(
    order: Order, throwaway: SimpleNamespace
) -> None:
    assert put(order, "lock_down", minutes=5) == 200
    until = int((NOON + timedelta(minutes=5)).timestamp())
    assert put(order, "emergency") == 200
    end_modes(throwaway.context, [EndedMode(door=1, until_utc=until)])
    assert key(order) == "emergency"


@pytest.mark.parametrize(
    ("value", "kept"), [("2", "2"), (" 2 ,2", "2"), ("", ""), (2, "2")], ids=repr
)
def test_an_interlock_names_other_doors_of_the_site(order: Order, value: object, kept: str) -> None:
    assert ask(order, "set_configuration", {"general": {"door1_interlock": value}})[0] == 200
    assert key(order, "door1_interlock") == kept


@pytest.mark.parametrize("value", ["1", "1,2", "3", "2,3", "5", "0", "back", "2;", "2,", "2" * 99])
def test_an_interlock_with_itself_or_an_unknown_door_is_refused(order: Order, value: str) -> None:
    assert ask(order, "set_configuration", {"general": {"door1_interlock": "2"}})[0] == 200
    status, answer = ask(order, "set_configuration", {"general": {"door1_interlock": value}})
    assert status == 400
    assert "door1_interlock" in answer["error"]
    assert key(order, "door1_interlock") == "2"


@pytest.mark.refusal("execute_actions")
def test_an_opening_that_the_interlock_refuses_answers_which_door_is_in_the_way(
    order: Order, throwaway: SimpleNamespace
) -> None:
    why = "door 1 is refused: interlock, door 2 (door2) is open"
    throwaway.straw.refusal = NotPermitted(why)
    action = {"actions": [{"action": "door", "parameters": "door=1"}]}
    assert ask(order, "execute_actions", action) == (403, {"error": why, "code": 1})


def test_what_the_database_refuses_the_controller_gets_and_the_database_later(
    order: Order, throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, straw = throwaway.context, throwaway.straw

    def kept() -> list[dict[int, str]]:
        asked = [it for it in straw.commands if isinstance(it, KeepModes)]
        return [{mode.door: mode.mode for mode in each.modes} for each in asked]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "transaction", full_disk)
        straw.commands.clear()
        body = {"door": 1, "mode": "lock_down", "reason": "a fight"}
        status, answer = ask(order, "set_exception_mode", body, login="operator")
        assert status == 200
        assert answer["warning"].endswith("the disk is full")
        # What is in force counts, not what is stored.
        assert put(order, "emergency", login="operator") == 403
        assert put(order, "none", login="operator") == 403
        assert put(order, "emergency", door=2) == 200
        assert kept() == [{1: "lock_down"}, {1: "lock_down", 2: "emergency"}]
        assert [modes(order)[door]["mode"] for door in (1, 2)] == ["lock_down", "emergency"]
        in_force = context.unstored_modes.modes
        keep_modes(context, ())  # of a controller that was started anew
        assert kept()[-1] == {1: "lock_down", 2: "emergency"}
        assert key(order) == "none"
    straw.status = straw.status.model_copy(update={"modes_unstored": in_force})
    keep_modes(context, in_force)
    assert kept()[-1] == {}
    assert (key(order), key(order, "door2_exception_mode")) == ("lock_down", "emergency")
    assert modes(order)[1]["login"] == "operator"
    assert "in force before the database had it" in audit(throwaway)[-1]
    # A report from before does not bring back a mode that somebody has ended since.
    assert put(order, "none") == 200
    keep_modes(context, in_force)
    assert key(order) == "none"


@pytest.mark.parametrize("command", ["set_exception_mode", "set_configuration"])
def test_either_command_sets_and_ends_an_emergency_on_a_full_disk(
    order: Order, throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    straw = throwaway.straw

    def ordered(mode: str, **more: object) -> tuple[int, Any]:
        if command == "set_configuration":
            return ask(order, command, {"general": {"exception_mode": mode, **more}})
        return ask(order, command, {"door": 0, "mode": mode, "reason": "smoke"})

    def in_force() -> list[tuple[int, str]]:
        last = [it for it in straw.commands if isinstance(it, KeepModes)][-1]
        return [(mode.door, mode.mode) for mode in last.modes]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "transaction", full_disk)
        for mode in ("emergency", "none", "emergency"):
            status, answer = ordered(mode)
            assert (status, in_force()) == (200, [(0, mode)])
            assert answer["warning"].endswith("the disk is full")
            assert (modes(order)[0]["mode"], modes(order)[0]["login"]) == (mode, "admin")
    assert key(order, "exception_mode") == "none"
    # The database takes writes again: what is set now is not undone by what was not stored.
    assert ordered("none") == (200, {})
    keep_modes(throwaway.context, ())
    assert key(order, "exception_mode") == "none"


def test_on_a_full_disk_configuration_with_other_keys_is_refused_whole(
    order: Order, throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    throwaway.straw.commands.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "transaction", full_disk)
        for keys in (
            {"exception_mode": "emergency", "relay1_timeout": "500"},
            {"door4_exception_mode": "emergency"},  # the site has two doors
        ):
            assert ask(order, "set_configuration", {"general": keys})[0] == 500
    assert not [it for it in throwaway.straw.commands if isinstance(it, KeepModes)]
    assert modes(order)[0]["mode"] == "none"


def full_disk(_store: Store) -> NoReturn:
    raise StorageError("the disk is full")
