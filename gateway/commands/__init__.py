"""The commands that clients can send to the device, independent of the transport."""
