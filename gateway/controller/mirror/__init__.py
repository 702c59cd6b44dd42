"""The controller's end of its mirror of the store, and the process that feeds it."""
