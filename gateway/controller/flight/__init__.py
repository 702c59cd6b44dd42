"""The flight record: inputs, answers and effects of the controller, in a form that replays."""
