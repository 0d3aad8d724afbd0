"""What is asked of the system below, each with its fallback."""
