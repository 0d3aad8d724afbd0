"""The version, once; pyproject.toml reads it, a test checks the changelog."""

from __future__ import annotations

__version__ = "0.1.0"
