"""What must outlive the process, in SQL."""
