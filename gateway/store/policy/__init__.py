"""What decisions read of `store.db`: compiled rules, the people at a reader, names of rules."""
