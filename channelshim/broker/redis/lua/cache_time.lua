-- Return the time, microseconds.
return text(now)
