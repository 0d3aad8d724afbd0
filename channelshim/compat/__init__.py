"""Everything that changes other people's modules, in one table."""
