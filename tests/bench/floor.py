"""The floor: the reads of one decision with bare sqlite3, in a process that does nothing else.

`floor.py STORE`: a line {"cards": [...], "pace_ms": 0} in, the nanoseconds of each read out.
"""

import json
import sqlite3
import sys
import time

VERSION = "SELECT version FROM policy_version"
OWNER = (
    "SELECT users.id, users.begin_time, users.end_time, cards.panic FROM users"
    " INNER JOIN cards ON cards.user_id = users.id WHERE cards.value = ?"
)
GROUPS = "SELECT group_id FROM user_groups WHERE user_id = ?"
RULES = "SELECT access_rule_id FROM user_access_rules WHERE user_id = ?"
TIMES = "SELECT door_id, time FROM opening_times WHERE user_id = ?"
EXEMPT = "SELECT user_id FROM antipassback_exemptions WHERE user_id = ?"


def connected(path: str) -> sqlite3.Connection:
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    store.execute("PRAGMA query_only = 1")
    return store


def read(store: sqlite3.Connection, card: int) -> None:
    """Everything that a decision reads of whoever has `card`, as the column holds it."""
    store.execute("BEGIN")
    store.execute(VERSION).fetchone()
    user = store.execute(OWNER, (card,)).fetchone()[0]
    for ties in (GROUPS, RULES, TIMES):
        store.execute(ties, (user,)).fetchall()
    store.execute(EXEMPT, (user,)).fetchone()
    store.execute("COMMIT")


def main() -> None:
    store = connected(sys.argv[1])
    for line in sys.stdin:
        asked, times = json.loads(line), []
        for card in asked["cards"]:
            time.sleep(asked["pace_ms"] / 1000)
            began = time.monotonic_ns()
            read(store, card)
            times.append(time.monotonic_ns() - began)
        sys.stdout.write(json.dumps(times) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
