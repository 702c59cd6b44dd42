"""Locks and contacts on modules of an RS-485 line, by Modbus RTU."""
