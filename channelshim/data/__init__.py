"""An app's data as files: written to one, and read from ours and from Google's."""
