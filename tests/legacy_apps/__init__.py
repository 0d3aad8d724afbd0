"""Whole apps in the Python of their day, and what is played with them."""

import pytest

# Their assertions are the tests'.
for _name in ("scenarios_cgi", "scenarios_wsgi", "scenarios_late", "visits"):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")
