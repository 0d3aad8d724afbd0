"""Whether this server should get requests, for load balancers: 200 or 503, and no more.

Anybody may ask, so the answer gives nothing away and costs next to nothing: the checks
are asked once in FRESH_SECONDS at most, in a thread of their own, since one of them may
wait for a database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Final

from channelshim.transports.polling import Reply

FRESH_SECONDS: Final = 1.0
"""How long an answer of the checks is good for."""

PATIENCE_SECONDS: Final = 4.0
"""How long the checks may take. Probes wait 5 s as a rule, and longer is ill."""

_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Type", "text/plain; charset=utf-8"),
)


class Health:
    """Answers PATH_HEALTH. On one event loop.

    Args:
        problems: returns what is vital and wrong, by name; any thread, may wait.
        start_thread: runs a function in a thread of this name.
    """

    def __init__(
        self,
        problems: Callable[[], Mapping[str, str]],
        start_thread: Callable[[str, Callable[[], None]], object],
    ) -> None:
        self._problems = problems
        self._start_thread = start_thread
        self._asked: Future[bool] | None = None
        # The same, to be waited for.
        self._answer: asyncio.Future[bool] | None = None
        self._asked_at = 0.0

    async def reply(self) -> Reply:
        """Return the answer to a probe."""
        status = (
            HTTPStatus.OK if await self._is_well() else HTTPStatus.SERVICE_UNAVAILABLE
        )
        return Reply(status, _HEADERS, b"")

    async def _is_well(self) -> bool:
        now = time.monotonic()
        asked = self._asked
        if asked is None or (asked.done() and now - self._asked_at > FRESH_SECONDS):
            asked = Future[bool]()
            try:
                self._start_thread("health", partial(self._ask, asked))
            except RuntimeError:
                # The system has no thread to give: nor would the app have one.
                return False
            self._asked, self._asked_at = asked, now
            self._answer = asyncio.wrap_future(asked)
        # Of checks that hang, all probes hear within their own time, one thread waits,
        # and nothing is left of a probe when it has its answer.
        left = self._asked_at + PATIENCE_SECONDS - now
        if not asked.done() and left > 0 and self._answer is not None:
            await asyncio.wait([self._answer], timeout=left)
        return asked.done() and asked.result()

    def _ask(self, asked: Future[bool]) -> None:
        is_well = False
        try:
            is_well = not self._problems()
        finally:
            if not asked.done():
                asked.set_result(is_well)
