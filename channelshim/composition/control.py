"""Commands beside a running server: a Unix socket in the store's folder.

One process at a time has the store's lease. A command that needs the store while a
server runs asks that server: it makes an API call there, or a request to the app. The
socket is its owner's alone, as the store's files beside it are, so that who can open it
could read and write all data anyway.

A question is two frames of `multiprocessing.connection`, a JSON object and bytes; so is
its answer. Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from channelshim.errors import ConfigurationError
from channelshim.kernel.threads import Threads

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_logger: Final = logging.getLogger("channelshim.composition")

NAME: Final = "control.socket"

FRAME_BYTES: Final = 64 * 1024 * 1024
"""The longest frame that is taken: an upload of App Engine has 32 MB at most."""

COMMANDS: Final = 4
"""How many commands are served at a time; a further one waits."""

_LONGEST_ADDRESS: Final = 100
"""Linux takes 107 bytes and other systems fewer."""

Facts = dict[str, Any]
Answer = Callable[[Facts, bytes], tuple[Facts, bytes]]


class ControlServer:
    """Answers commands for as long as this process has the store.

    Args:
        folder: the store's.
        threads: keeps the threads.
        answers: name of a question to what answers it: facts and a body in, facts and
            a body out. Called in a thread of its own; what it raises is told to the
            command.
    """

    def __init__(
        self, folder: Path, threads: Threads, answers: Mapping[str, Answer]
    ) -> None:
        self._folder = folder
        self._threads = threads
        self._answers = answers
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Listen. Where that cannot be, a warning says so and commands are refused."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = self._folder / NAME
        try:
            # Of a server that was killed: this process has the lease now.
            path.unlink(missing_ok=True)
            with _address(self._folder) as address:
                listener.bind(address)
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            listener.listen(COMMANDS)
        except OSError as error:
            listener.close()
            _logger.warning(
                "commands such as channelshim shell cannot reach this server: %s: %s",
                path,
                error.strerror or error,
            )
            return
        self._listener = listener
        for number in range(COMMANDS):
            self._threads.start(f"commands-{number}", self._serve)

    def close(self) -> None:
        """Take no further command. Idempotent."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with contextlib.suppress(OSError):
            (self._folder / NAME).unlink()
        with contextlib.suppress(OSError):
            # Wakes the threads that wait in accept.
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def _serve(self) -> None:
        while (listener := self._listener) is not None:
            try:
                accepted, _ = listener.accept()
            except OSError:
                if self._listener is None:
                    return
                raise
            from multiprocessing.connection import Connection

            with Connection(accepted.detach()) as connection:
                self._answer_all(connection)

    def _answer_all(self, connection: Connection) -> None:
        """Answer one command's questions until it leaves."""
        with contextlib.suppress(EOFError, OSError):
            while (facts := _facts_of(connection.recv_bytes(FRAME_BYTES))) is not None:
                body = connection.recv_bytes(FRAME_BYTES)
                answered, answer = self._answer(facts, body)
                connection.send_bytes(json.dumps(answered).encode("ascii"))
                connection.send_bytes(answer)

    def _answer(self, facts: Facts, body: bytes) -> tuple[Facts, bytes]:
        ask = self._answers.get(str(facts.get("ask")))
        if ask is None:
            return {"error": f"this server cannot answer {facts.get('ask')!r}"}, b""
        try:
            return ask(facts, body)
        except Exception as error:
            _logger.warning("a command failed", exc_info=True)
            return {"error": f"{type(error).__name__}: {error}"}, b""


def _facts_of(frame: bytes) -> Facts | None:
    """Return a frame's facts; None for what is not an object in JSON."""
    try:
        facts = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


class Control:
    """A command's side: asks a running server. Any thread.

    Args:
        connection: to the server.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    def ask(
        self, question: str, body: bytes = b"", **facts: Any
    ) -> tuple[Facts, bytes]:
        """Return what the server answers.

        Args:
            question: its name.
            body: bytes that go with it.
            **facts: what else goes with it, as JSON.

        Raises:
            ConfigurationError: the server has gone, or does not know the question.
        """
        try:
            with self._turn:
                head = json.dumps({"ask": question, **facts})
                self._connection.send_bytes(head.encode("ascii"))
                self._connection.send_bytes(body)
                answered = json.loads(self._connection.recv_bytes(FRAME_BYTES))
                answer = self._connection.recv_bytes(FRAME_BYTES)
        except (EOFError, OSError) as error:
            raise ConfigurationError(
                "the app's server has ended or reloads: run the command again"
            ) from error
        if "error" in answered:
            raise ConfigurationError(f"the app's server says: {answered['error']}")
        return answered, answer

    def close(self) -> None:
        """Leave."""
        self._connection.close()


def connect(folder: Path) -> Control | None:
    """Return a way to the server that has the store, or None when none runs.

    Args:
        folder: the store's.
    """
    from multiprocessing.connection import Client

    try:
        with _address(folder) as address:
            return Control(Client(address, family="AF_UNIX"))
    except OSError:
        return None


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Yield the socket's address: short, however deep the folder lies."""
    path = os.fspath(folder / NAME)
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield path
        return
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)
