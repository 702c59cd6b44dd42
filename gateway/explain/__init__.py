"""What happened and why, in words: explanations of accesses, and one line for each journal entry.

`sources`, `rules` and `people_index` read the databases; the other modules are pure.
"""
