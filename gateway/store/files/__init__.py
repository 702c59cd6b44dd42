"""Names of the two files in the data directory, one writer each."""

JOURNAL_FILE = "journal.db"
"""Written by the controller alone."""
STORE_FILE = "store.db"
"""Written by the api process alone."""
CHECKS_FILE = "checks.json"
"""What the latest full checks of both found."""

JOURNAL_FORM = 1
"""Of the entries and tables in the journal. SQLite keeps it in `user_version`.

A program that adds a kind of entry raises it, so that an older program refuses the file by name.
`tests/unit/store/forms/journal-kinds.toml` lists the kinds of each form.
"""
