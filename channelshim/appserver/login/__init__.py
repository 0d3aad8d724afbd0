"""Who makes a request: one module for each way to log in."""
