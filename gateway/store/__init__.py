"""The two database files: objects, queries, journal, compiled policy, backup and checks."""
