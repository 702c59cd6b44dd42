"""Faults to put into files: what a bad card, a power cut or a hostile hand leaves there."""
