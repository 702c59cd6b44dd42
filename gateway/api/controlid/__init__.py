"""The Access API on the wire: *.fcgi."""
