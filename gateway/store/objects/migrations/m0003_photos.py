"""People have photos."""

from __future__ import annotations

import peewee


def apply(database: peewee.Database) -> None:
    """Make the table of photos; what clients wrote into `image_timestamp` claims none of them."""
    database.execute_sql(
        "CREATE TABLE user_photos (user_id INTEGER PRIMARY KEY NOT NULL "
        "REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE, "
        # The photo last: what stands before it is read without the pages that hold it.
        "timestamp INTEGER NOT NULL, size INTEGER NOT NULL, image BLOB NOT NULL)"
    )
    # Lists and sums read this instead of a table with few rows to the page.
    database.execute_sql("CREATE INDEX user_photos_facts ON user_photos (user_id, timestamp, size)")
    # In a new file the table of people is yet to come.
    if "users" in database.get_tables():
        database.execute_sql("UPDATE users SET image_timestamp = 0 WHERE image_timestamp <> 0")
