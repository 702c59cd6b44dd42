"""Words for what happened and why: explanations of accesses, and a line for each journal entry.

`site_view`, `rules` and `people_index` read the databases; the other modules are pure.
"""
