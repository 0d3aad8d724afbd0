"""The store's back ends: the services run over each."""

from __future__ import annotations

from tests.store.backends import open_engine, open_shared, open_store

__all__ = ["open_engine", "open_shared", "open_store"]
