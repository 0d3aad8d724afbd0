"""The services behind the SDK's API proxy, one module each."""
