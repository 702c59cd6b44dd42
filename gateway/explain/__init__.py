"""What happened, in words: one line for each journal entry, with the names of people and doors."""
