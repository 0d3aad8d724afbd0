"""What stands in an app process for the broker, which the front has.

Publishing is an append to a run of equal texts, as in broker.memory; what sends the
runs on takes them before each answer that it sends, so that no answer overtakes a
message that was sent before it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from channelshim.broker.runs import TOO_MANY, Run
from channelshim.errors import BrokerError

_NO_TEXT: Any = object()
_NO_RUN: Final = Run(_NO_TEXT, [])


class PipeSender:
    """Implements contracts.MessageSender: hands to the front what handlers send.

    Args:
        ask: asks the front a question and waits for the answer; raises BrokerError
            when there is none.
        signal: called when there is something to `take`, at most once between two
            takes. Any thread.
    """

    def __init__(
        self, ask: Callable[[str, str], str], signal: Callable[[], None]
    ) -> None:
        self._ask = ask
        self._signal = signal
        self._runs: deque[Run] = deque()
        self._run = _NO_RUN
        # Guards taking; appending to runs does without.
        self._lock = threading.Lock()
        # The run that is appended to is the last one: one thread at a time begins one.
        self._beginning = threading.Lock()
        self._is_full = False
        self.is_pending: bool = False

    def publish(self, client_id: str, text: str) -> None:
        """See contracts.Broker."""
        run = self._run
        if text is run.text:
            run.append(client_id)
            if run.taken is not None:
                self._bring_back(run)
        elif self._is_full:
            raise BrokerError(TOO_MANY)
        else:
            self._begin(text, [client_id])

    def refuse(self, is_full: bool) -> None:
        """Have messages be refused, or taken again, as the front says. Any thread."""
        with self._beginning:
            self._is_full = is_full
            self._run = _NO_RUN

    def expect(self, client_id: str) -> int:
        """See contracts.Broker."""
        answer = self._ask("expect", client_id)
        if not answer.isdecimal():
            raise BrokerError("the front does not say which number a client id has")
        return int(answer)

    def take(self) -> list[tuple[str, list[str]]]:
        """Return what was published since the last call: texts, and for which ids."""
        # Cleared before anything is taken: what comes later signals again.
        self.is_pending = False
        with self._lock:
            self._run = _NO_RUN
            pop = self._runs.popleft
            runs = [pop() for _ in range(len(self._runs))]
            return [(run.text, run.take()) for run in runs]

    def _begin(self, text: str, client_ids: list[str]) -> None:
        run = Run(text, client_ids)
        with self._beginning:
            self._runs.append(run)
            self._run = _NO_RUN if self._is_full else run
        if not self.is_pending:
            self.is_pending = True
            self._signal()

    def _bring_back(self, run: Run) -> None:
        """Send once more what came too late for the `take` that took its run."""
        with self._lock:
            late = run.take_late()
            if late:
                self._begin(run.text, late)
