"""The technician's page: what commissions, runs and repairs the controller, for a browser."""
