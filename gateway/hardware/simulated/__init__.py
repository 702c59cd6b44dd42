"""The simulated board: pins, ports, cards and modules without hardware, and the hand at them."""
