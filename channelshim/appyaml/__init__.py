"""Text of app.yaml and its sisters to frozen dataclasses; touches no disk."""
