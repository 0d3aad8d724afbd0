"""The store's engines: jobs run over each."""

from __future__ import annotations

from tests.store.backends import open_engine, open_shared

__all__ = ["open_engine", "open_shared"]
