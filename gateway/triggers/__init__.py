"""Triggers: what happens sets off an action. Pure: (state, fact, time) -> (state, effects)."""
