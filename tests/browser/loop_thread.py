"""An asyncio loop in a thread, for servers of the tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.lanes import timeout_factor

T = TypeVar("T")


class LoopThread:
    """Runs until `end`, which leaves no task behind."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run coroutine on the loop and return its value."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(10 * timeout_factor())

    def end(self) -> None:
        """Cancel what still runs, and stop."""
        self.call(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10 * timeout_factor())
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
