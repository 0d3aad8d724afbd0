"""Whole apps in the Python of their day, and what is played with them."""

import pytest

# Their assertions are the tests'.
pytest.register_assert_rewrite(f"{__name__}.scenarios", f"{__name__}.visits")
