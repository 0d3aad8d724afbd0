"""Messages between processes: numbers, windows, who is connected."""
