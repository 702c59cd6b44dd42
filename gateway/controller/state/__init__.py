"""What every room of the controller builds on: configuration, journal, rules, ports."""
