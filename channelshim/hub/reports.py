"""Presence reports: journal first, then POSTs, in order for each client id.

The loop only appends. One thread gathers changes for a moment, writes the journal in
one commit and hands the ids on; runners make the POSTs. One runner does while handlers
are quick, since threads that compute only get in each other's way; another is woken
when ids wait, so that a slow handler holds up its own runner alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final
from urllib.parse import urlencode

from channelshim import limits
from channelshim.errors import StorageError
from channelshim.protocol.contracts import Dispatcher, InternalRequest, Store
from channelshim.protocol.tokens import client_id_bytes

_logger: Final = logging.getLogger("channelshim.hub")


class _Change(Enum):
    CONNECTED = "connected"
    GONE = "gone"
    # The app has been told that it is gone: only now may the journal forget it. Had
    # the process died before, the next one would report it.
    TOLD = "told"


def presence_request(client_id: str, *, is_connected: bool) -> InternalRequest:
    """Return the POST that tells the app.

    `from` is percent-encoded, unlike the original's (contract trap 11).
    """
    return InternalRequest(
        method="POST",
        path=limits.PATH_CONNECTED if is_connected else limits.PATH_DISCONNECTED,
        body=urlencode({"from": client_id_bytes(client_id)}).encode("ascii"),
        content_type="application/x-www-form-urlencoded",
        remote_address=limits.PRESENCE_REMOTE_ADDRESS,
    )


class PresenceReports:
    """Tells the journal and the app who is connected.

    Args:
        dispatcher: makes the POSTs.
        store: keeps the journal.
        runners: threads that make POSTs.
        is_posting: False for the production rule without inbound_services: the
            journal only.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: Store,
        *,
        runners: int = limits.PRESENCE_RUNNERS,
        is_posting: bool = True,
    ) -> None:
        self._dispatcher = dispatcher
        self._store = store
        self._runners = runners
        self._is_posting = is_posting
        self._changes: deque[tuple[str, _Change]] = deque()
        self._has_changes = threading.Event()
        # The journal thread's own: who is connected as of the last change it has read.
        self._connected: set[str] = set()
        # Guards what follows: the journal thread, the runners and the loop share it.
        self._lock = threading.Lock()
        self._pending: dict[str, deque[bool]] = {}
        self._ready: deque[str] = deque()
        self._alarm = threading.Semaphore(0)
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._is_stopping = False

    def connected(self, client_id: str) -> None:
        """Report that client_id is connected now. Any thread, never blocks."""
        self._changed(client_id, _Change.CONNECTED)

    def disconnected(self, client_id: str) -> None:
        """Report that client_id is gone now. Any thread, never blocks."""
        self._changed(client_id, _Change.GONE)

    def stop(self, seconds: float) -> None:
        """Write the journal and let POSTs in hand finish, for at most that long."""
        self._is_stopping = True
        self._has_changes.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _changed(self, client_id: str, change: _Change) -> None:
        if not self._threads:
            self._start(self._keep_journal)
        self._changes.append((client_id, change))
        if not self._has_changes.is_set():
            self._has_changes.set()

    def _start(self, target: Callable[[], None]) -> None:
        # Daemons: a handler that never returns must not keep the process alive after
        # its stop.
        name = f"presence-{len(self._threads)}"
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # --- The journal's thread -----------------------------------------------------

    def _keep_journal(self) -> None:
        while not self._is_stopping or self._changes:
            waiting = limits.PRESENCE_PATIENCE_SECONDS if self._ready else None
            if self._has_changes.wait(waiting):
                self._gather()
            # Cleared before the changes are taken: one that comes later sets it again.
            self._has_changes.clear()
            changes = [self._changes.popleft() for _ in range(len(self._changes))]
            if changes:
                self._journal(changes)
                self._queue(changes)
            if self._ready:
                self._wake_runner()
        for _ in range(self._runners):
            self._alarm.release()

    def _gather(self) -> None:
        """Wait until no more changes come, within a bound.

        While many pages connect at once, each is let in before the app is told of any:
        the POSTs cost as much as the connections do.
        """
        deadline = time.monotonic() + limits.PRESENCE_BURST_SECONDS
        gathered = 0
        while len(self._changes) > gathered and time.monotonic() < deadline:
            if self._is_stopping:
                return
            gathered = len(self._changes)
            time.sleep(limits.PRESENCE_GATHER_SECONDS)

    def _wake_runner(self) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._alarm.release()
                return
            has_all = len(self._threads) > self._runners
        if not has_all:
            self._start(self._post_all)

    def _journal(self, changes: list[tuple[str, _Change]]) -> None:
        added: dict[str, None] = {}
        removed: dict[str, None] = {}
        for client_id, change in changes:
            if change is _Change.CONNECTED:
                self._connected.add(client_id)
                added[client_id] = None
                removed.pop(client_id, None)
            elif change is _Change.GONE:
                self._connected.discard(client_id)
            elif client_id not in self._connected:
                added.pop(client_id, None)
                removed[client_id] = None
        if not added and not removed:
            return
        try:
            self._store.note_presence(added, removed)
        except StorageError as error:
            # The app still hears of it; only a crash would now go unreported.
            _logger.error("the presence journal was not written: %s", error)

    def _queue(self, changes: list[tuple[str, _Change]]) -> None:
        for client_id, change in changes:
            if change is _Change.TOLD:
                continue
            is_connected = change is _Change.CONNECTED
            with self._lock:
                pending = self._pending.get(client_id)
                if pending is None:
                    self._pending[client_id] = deque([is_connected])
                    self._ready.append(client_id)
                elif is_connected and pending and pending[-1] is False:
                    # It came back before anybody was told that it had gone.
                    pending.pop()
                else:
                    pending.append(is_connected)

    # --- The runners --------------------------------------------------------------

    def _post_all(self) -> None:
        while True:
            try:
                client_id = self._ready.popleft()
            except IndexError:
                with self._lock:
                    if self._ready:
                        continue
                    if self._is_stopping:
                        return
                    self._idle += 1
                self._alarm.acquire()
                continue
            while (is_connected := self._next(client_id)) is not None:
                self._post(client_id, is_connected=is_connected)

    def _next(self, client_id: str) -> bool | None:
        with self._lock:
            pending = self._pending[client_id]
            if pending:
                return pending.popleft()
            del self._pending[client_id]
            return None

    def _post(self, client_id: str, *, is_connected: bool) -> None:
        if self._is_posting:
            request = presence_request(client_id, is_connected=is_connected)
            answer = self._dispatcher.dispatch(request)
            # The app's answer means nothing (contract 5.1): a 404 is normal.
            _logger.debug("presence POST %s answered %d", request.path, answer.status)
        if not is_connected:
            self._changed(client_id, _Change.TOLD)
