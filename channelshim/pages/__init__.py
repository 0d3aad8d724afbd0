"""The look of every page of ours: templates and error pages."""
