"""One request's way through an app: handlers, static files, login."""
