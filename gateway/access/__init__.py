"""Who may pass: compiled rules and the decision. Pure."""
