"""What the HTTP connections of one listener share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

from channelshim.transports.acceptor import Acceptor
from channelshim.transports.connection_table import ConnectionTable

if TYPE_CHECKING:
    from channelshim.server.http_connection import HttpConnection
    from channelshim.server.response import Response

Begin = Callable[["Response"], None]


class Service:
    """What the HTTP connections of one listener share. Loop thread.

    Args:
        begin: answers a request whose head is here.
        table: owns the connections; the acceptor's.
        acceptor: takes WebSockets; None refuses them.

    Attributes:
        begin: as given.
        table: as given.
        acceptor: as given.
        connections: that are open, WebSockets not among them.
        tasks: that write answers.
        date_line: of each answer (RFC 9110, 6.6.1).
    """

    def __init__(
        self, begin: Begin, table: ConnectionTable, acceptor: Acceptor | None = None
    ) -> None:
        self.begin: Begin = begin
        self.table: ConnectionTable = table
        self.acceptor: Acceptor | None = acceptor
        self.connections: set[HttpConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.date_line: bytes = b""
        self.renew_date()

    def renew_date(self) -> None:
        """Say the time as it is now; to be called once a second."""
        self.date_line = f"date: {formatdate(usegmt=True)}\r\n".encode("ascii")
