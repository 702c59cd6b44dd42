"""The floor: the reads of one decision with bare sqlite3, in a process that does nothing else.

`floor.py STORE`: a line {"cards": [...], "pace_ms": 0} in, the nanoseconds of each read out.
"""

import json
import sqlite3
import sys
import time

VERSION = "SELECT version FROM policy_version"
OWNER = (
    "SELECT users.id, users.begin_time, users.end_time FROM users"
    " INNER JOIN cards ON cards.user_id = users.id WHERE cards.value = ?"
)
GROUPS = "SELECT group_id FROM user_groups WHERE user_id = ?"
RULES = "SELECT access_rule_id FROM user_access_rules WHERE user_id = ?"


def decide(run: sqlite3.Connection, card: int) -> None:
    run.execute("BEGIN")
    run.execute(VERSION).fetchone()
    user = run.execute(OWNER, (card,)).fetchone()[0]
    run.execute(GROUPS, (user,)).fetchall()
    run.execute(RULES, (user,)).fetchall()
    run.execute("COMMIT")


store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
store.execute("PRAGMA query_only = 1")
for line in sys.stdin:
    asked, times = json.loads(line), []
    for card in asked["cards"]:
        time.sleep(asked["pace_ms"] / 1000)
        began = time.monotonic_ns()
        decide(store, card)
        times.append(time.monotonic_ns() - began)
    sys.stdout.write(json.dumps(times) + "\n")
    sys.stdout.flush()
