"""Pure codecs: what readers send and what people carry."""
