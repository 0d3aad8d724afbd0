"""What a front with app processes does with a request: answers it, or hands it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from channelshim.contracts.status import Status
from channelshim.server.executor import Executor

if TYPE_CHECKING:
    from channelshim.server.exchange import Exchange

FILE_THREADS: Final = 4
"""They wait for disks, and for nothing else."""


class FrontExecutor:
    """Implements Executor with threads for files and app processes for all else.

    Args:
        is_file: returns whether a request, by its WSGI environment, needs no code of
            the app's. Quick.
        files: answers those.
        pool: has the others answered.
    """

    def __init__(
        self,
        is_file: Callable[[Mapping[str, Any]], bool],
        files: Executor,
        pool: Executor,
    ) -> None:
        self._is_file = is_file
        self._files = files
        self._pool = pool

    def submit(self, exchange: Exchange) -> bool:
        """See Executor."""
        if self._is_file(exchange.environ):
            return self._files.submit(exchange)
        return self._pool.submit(exchange)

    def withdraw(self, exchange: Exchange) -> bool:
        """See Executor."""
        return self._files.withdraw(exchange) or self._pool.withdraw(exchange)

    def report_to(self, status: Status) -> None:
        """See Executor."""
        self._pool.report_to(status)
