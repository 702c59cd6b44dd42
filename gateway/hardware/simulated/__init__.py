"""The simulated board: pins, ports, cards and modules without hardware, and their test control."""
