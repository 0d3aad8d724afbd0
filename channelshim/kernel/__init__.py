"""What is asked of the system below: threads that go on whatever happens."""
