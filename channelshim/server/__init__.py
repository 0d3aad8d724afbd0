"""Our HTTP server: uvicorn's parser, the bridge to WSGI, the workers."""
