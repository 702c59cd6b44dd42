"""Access to the operating system: clock, network, certificate, services, machine facts."""
