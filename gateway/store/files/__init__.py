"""Names of the two files in the data directory, one writer each."""

JOURNAL_FILE = "journal.db"
"""Only the controller writes it."""
STORE_FILE = "store.db"
"""Only the api process writes it."""
CHECKS_FILE = "checks.json"
"""Results of the latest full checks of both."""
