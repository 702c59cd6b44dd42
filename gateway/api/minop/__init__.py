"""The second vendor's API on the wire: POST /api/v1/execute."""
