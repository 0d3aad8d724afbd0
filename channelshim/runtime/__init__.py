"""One request's environment, the same for serve, wrap and test."""
