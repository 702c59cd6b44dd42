"""Pure codecs for credentials: Wiegand frames, serial frames, key presses, codes and hashes."""
