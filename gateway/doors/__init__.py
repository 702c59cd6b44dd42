"""How one door behaves. Pure."""
