"""OSDP readers on RS-485: one thread per bus owns the port and the library's context."""
