"""Lines of the header: claimed once with their level, read, debounced, watched."""
