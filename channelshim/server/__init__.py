"""Our HTTP server: its connections, the bridge to WSGI, the workers."""
