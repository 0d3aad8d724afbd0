"""The apps' own suites are Python 2.7: test_legacy_apps.py runs them."""

collect_ignore_glob = ["*/*"]
