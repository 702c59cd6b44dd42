"""Names of the two files in the data directory, one writer each."""

JOURNAL_FILE = "journal.db"
"""Written by the controller alone."""
STORE_FILE = "store.db"
"""Written by the api process alone."""
CHECKS_FILE = "checks.json"
"""What the latest full checks of both found."""
