"""Calls of the functions from worker threads, through redis-py's pool.

For what is asked before the loop runs, at the end, and by pages that show channels.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from channelshim.broker.redis import session
from channelshim.broker.redis.clients import driver, refusals
from channelshim.broker.redis.scripts import load
from channelshim.broker.redis.session import Session
from channelshim.errors import BrokerError

_ATTEMPTS: Final = 5


class ProcessName:
    """A name for this process, unlike any other: a fork has its own. Any thread."""

    def __init__(self) -> None:
        self._process_id = 0
        self._name = b""

    def read(self) -> bytes:
        """Return it."""
        if self._process_id != os.getpid():
            self._name = secrets.token_hex(8).encode("ascii")
            self._process_id = os.getpid()
        return self._name


class Direct:
    """Calls functions of shards, and waits for their answers. Any thread.

    Args:
        client: redis-py's.
        name: returns that of this process.
    """

    def __init__(self, client: Any, name: Callable[[], bytes]) -> None:
        self._client = client
        self._name = name
        # The epoch of each shard, by its key.
        self._epochs: dict[str, bytes] = {}

    def run(
        self, key: str, script: str, arguments: Sequence[bytes], batch: int = 0
    ) -> Any:
        """Call a function and return its answer.

        Args:
            key: of the shard's epoch.
            script: its name.
            arguments: behind those of every function.
            batch: the last one that this process knows to be safe.

        Raises:
            BrokerError: Redis does not answer, or refuses.
        """
        error: Exception = BrokerError("nothing was tried")
        for attempt in range(_ATTEMPTS):
            try:
                head = self._head(key, batch, is_new=attempt > 0)
                return self._evaluate(key, script, [*head, *arguments])
            except refusals() as raised:
                error = raised
                if "REJOIN" not in str(raised):
                    break
                if "settled" in str(raised):
                    threading.Event().wait(0.3)
        raise BrokerError(f"Redis does not do it: {error}") from error

    def run_as(
        self, front: Session, key: str, script: str, arguments: Sequence[bytes]
    ) -> None:
        """Call a function in the name of a front; nothing if its lease has ended.

        Args:
            front: its session, stopped.
            key: of the shard's epoch.
            script: its name.
            arguments: behind those of every function.

        Raises:
            BrokerError: Redis does not answer.
        """
        try:
            self._evaluate(key, script, [*front.head(), *arguments])
        except refusals() as error:
            if "REJOIN" not in str(error):
                raise BrokerError(f"Redis does not answer: {error}") from error

    def _head(self, key: str, batch: int, *, is_new: bool) -> list[bytes]:
        epoch = b"0" if is_new else self._epochs.get(key, b"0")
        if epoch == b"0":
            run_id = self._run_id(key)
            settle = b"%d" % (session.SETTLE_SECONDS * 1e6)
            joined = self._evaluate(
                key,
                "join",
                [b"0", b"0", self._name(), run_id, b"%d" % batch, b"0", settle, b""],
            )
            epoch = self._epochs[key] = joined[0]
        return [epoch, b"0", self._name()]

    def _run_id(self, key: str) -> bytes:
        options = {}
        if hasattr(self._client, "get_node_from_key"):
            options["target_nodes"] = self._client.get_node_from_key(key)
        facts = self._client.info("server", **options)
        return str(facts.get("run_id", "unknown")).encode("ascii")

    def _evaluate(self, key: str, script: str, arguments: Sequence[bytes]) -> Any:
        function = load()[script]
        try:
            return self._client.evalsha(
                function.digest.decode("ascii"), 1, key, *arguments
            )
        except driver().exceptions.NoScriptError:
            return self._client.eval(
                function.source.decode("utf-8"), 1, key, *arguments
            )
