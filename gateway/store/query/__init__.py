"""The query language of `load_objects`: parse, compile to peewee expressions, run."""
