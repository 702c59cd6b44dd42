"""The two database files: opening, queries, journal, projection, policy rows."""
