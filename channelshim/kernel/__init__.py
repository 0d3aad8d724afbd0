"""What is asked of Linux, each with its fallback."""
