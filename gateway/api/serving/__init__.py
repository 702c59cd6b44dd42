"""The HTTP server: an event loop reads and writes, worker threads run the WSGI application."""
