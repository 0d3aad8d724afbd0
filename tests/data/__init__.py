"""An app's data as files."""
