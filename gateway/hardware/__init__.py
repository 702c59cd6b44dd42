"""Drivers: pins, ports, boards, the simulated board."""
