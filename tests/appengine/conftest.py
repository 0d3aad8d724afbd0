"""What pytest leaves alone here."""

# An app's own suite, from 2013: test_testing.py runs copies of it.
collect_ignore = ["legacy_suite"]
