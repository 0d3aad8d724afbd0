"""The store's back ends, for the tests of its contract."""

from __future__ import annotations

from tests.store.backends import open_engine, open_shared, open_store

__all__ = ["open_engine", "open_shared", "open_store"]
