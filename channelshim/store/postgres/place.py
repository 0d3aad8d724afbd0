"""Where a PostgreSQL store is: its URL, without what nobody may read in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from channelshim.contracts.server_urls import shown

SCHEMES: Final = ("postgresql", "postgres")

SCHEMA_BYTES: Final = 63
"""Names in PostgreSQL are cut there (PostgreSQL, "Identifiers and Key Words")."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is, and how it is reached.

    Attributes:
        url: for the driver, password and all; never shown.
        schema: of the store's tables; several apps may share a database.
        through_pooler: whether PgBouncer, or the like, gives each transaction another
            session.
        connections: how many this process opens at most.
    """

    url: str
    schema: str
    through_pooler: bool = False
    connections: int = 20

    def __str__(self) -> str:
        return f"{shown(self.url)} (schema {self.schema})"

    def __repr__(self) -> str:
        return f"Place({str(self)!r})"
