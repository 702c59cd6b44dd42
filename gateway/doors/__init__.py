"""State machines of a door, a turnstile and an interlock. Pure."""
