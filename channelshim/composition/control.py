"""Commands beside a running server: a Unix socket in the store's folder.

One process at a time has the store's lease. Where several servers share a store, that
of PostgreSQL, one of those with the same folder listens, which a lock beside the socket
says; when it ends, another does. A command that needs the store while a
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
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from channelshim.errors import ConfigurationError, StorageError, StoreInUse
from channelshim.kernel.threads import Threads
from channelshim.store.folders import make_private
from channelshim.store.lease import Lease

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_logger: Final = logging.getLogger("channelshim.composition")

NAME: Final = "channelshim.socket"
_LOCK_NAME: Final = "channelshim.socket.lock"

FRAME_BYTES: Final = 64 * 1024 * 1024
"""The longest frame that is taken: an upload of App Engine has 32 MB at most."""

COMMANDS: Final = 64
"""How many commands may be connected: each has a thread, and an idle shell stays for
days. A further one is told to try again."""

_BACKLOG: Final = 16
"""Commands that may begin in the same moment."""

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
            a body out. Called in the command's thread; what it raises is told to the
            command.
    """

    def __init__(
        self, folder: Path, threads: Threads, answers: Mapping[str, Answer]
    ) -> None:
        self._folder = folder
        self._threads = threads
        self._answers = answers
        self._listener: socket.socket | None = None
        self._turn: Lease | None = None
        self._is_closed = False
        self._has_warned = False
        self._starting = threading.Lock()
        # Of the socket that is bound: another server may have put its own there since.
        self._file_number = 0
        self._lock = threading.Lock()
        self._connected = 0

    def start(self) -> None:
        """Listen, unless this or another server of the folder does already.

        Where that cannot be, a warning says so and commands are refused. Any thread.
        """
        with self._starting:
            if self._turn is None and not self._is_closed and self._take_turn():
                self._listen()

    def _take_turn(self) -> bool:
        try:
            lock = make_private(self._folder, _LOCK_NAME)
            self._turn = Lease(lock, self._folder)
        except StoreInUse:
            return False
        except StorageError as error:
            _logger.warning("commands cannot reach this server: %s", error)
            return False
        return True

    def _listen(self) -> None:
        listener = None
        path = self._folder / NAME
        try:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            # Of a server that was killed: this process has its turn now.
            path.unlink(missing_ok=True)
            with _address(self._folder) as address:
                listener.bind(address)
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            self._file_number = path.stat().st_ino
            listener.listen(_BACKLOG)
            self._listener = listener
            self._threads.start("commands", self._accept_all)
        except (OSError, RuntimeError) as error:
            # RuntimeError: the system has no thread to give.
            self._listener = None
            if listener is not None:
                listener.close()
            self._give_turn_back()
            if not self._has_warned:
                self._has_warned = True
                _logger.warning(
                    "commands such as channelshim shell cannot reach this server: "
                    "%s: %s",
                    path,
                    getattr(error, "strerror", None) or error,
                )

    def _give_turn_back(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.close()

    def close(self) -> None:
        """Take no further command. Idempotent."""
        with self._starting:
            self._is_closed = True
            listener, self._listener = self._listener, None
            turn, self._turn = self._turn, None
        if listener is not None:
            with contextlib.suppress(OSError):
                path = self._folder / NAME
                if path.stat().st_ino == self._file_number:
                    path.unlink()
            with contextlib.suppress(OSError):
                # Wakes the thread that waits in accept.
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if turn is not None:
            turn.close()

    def _accept_all(self) -> None:
        while (listener := self._listener) is not None:
            try:
                accepted, _ = listener.accept()
            except OSError:
                if self._listener is None:
                    return
                raise
            from multiprocessing.connection import Connection

            self._begin(Connection(accepted.detach()))

    def _begin(self, connection: Connection) -> None:
        """Give a command its thread, or tell it why not."""
        sentence = "too many commands are connected: end one, and run this one again"
        if self._count_in():
            try:
                self._threads.start("command", partial(self._serve, connection))
                return
            except RuntimeError as error:
                sentence = f"{error}: run the command again"
                self._count_out()
        with connection, contextlib.suppress(OSError):
            _send(connection, {"error": sentence}, b"")

    def _count_in(self) -> bool:
        with self._lock:
            has_room = self._connected < COMMANDS
            self._connected += has_room
        return has_room

    def _count_out(self) -> None:
        with self._lock:
            self._connected -= 1

    def _serve(self, connection: Connection) -> None:
        """Answer one command's questions until it leaves."""
        if connection.closed:
            # An exception that nobody expected has ended it already.
            return
        try:
            with connection, contextlib.suppress(EOFError, OSError):
                while facts := _facts_of(connection.recv_bytes(FRAME_BYTES)):
                    body = connection.recv_bytes(FRAME_BYTES)
                    _send(connection, *self._answer(facts, body))
        finally:
            self._count_out()

    def _answer(self, facts: Facts, body: bytes) -> tuple[Facts, bytes]:
        ask = self._answers.get(str(facts.get("ask")))
        if ask is None:
            return {"error": f"this server cannot answer {facts.get('ask')!r}"}, b""
        try:
            answered, answer = ask(facts, body)
        except Exception as error:
            _logger.warning("a command failed", exc_info=True)
            return {"error": f"{type(error).__name__}: {error}"}, b""
        if len(answer) > FRAME_BYTES:
            return {"error": f"the answer {_too_long(answer)}: ask for less"}, b""
        return answered, answer


def _send(connection: Connection, facts: Facts, body: bytes) -> None:
    connection.send_bytes(json.dumps(facts).encode("ascii"))
    connection.send_bytes(body)


def _facts_of(frame: bytes) -> Facts:
    """Return a frame's facts; none for what is not an object in JSON."""
    try:
        facts = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _too_long(body: bytes) -> str:
    return (
        f"has {len(body):,} bytes, and {FRAME_BYTES:,} are the most that goes between "
        "a command and a server"
    )


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
            ConfigurationError: the server has gone, refuses, or does not know the
                question; or the question or its answer is too long.
        """
        if len(body) > FRAME_BYTES:
            raise ConfigurationError(f"the question {_too_long(body)}: send less")
        try:
            with self._turn:
                # A server that refuses says why without a question, and leaves.
                with contextlib.suppress(OSError):
                    _send(self._connection, {"ask": question, **facts}, body)
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

    Raises:
        ConfigurationError: somebody else listens there, who may write to the folder.
    """
    from multiprocessing.connection import Client

    try:
        with _address(folder) as address:
            connection = Client(address, family="AF_UNIX")
    except OSError:
        return None
    if _user_behind(connection) not in _trusted_users(folder):
        connection.close()
        raise ConfigurationError(
            f"{folder / NAME} is another user's, who could read and change what this "
            "command sends: remove it, and let nobody else write to that folder"
        )
    return Control(connection)


def _trusted_users(folder: Path) -> set[int]:
    """Return whose server a command believes: this user's, and the folder's owner's."""
    return {os.geteuid(), folder.stat().st_uid}


def _user_behind(connection: Connection) -> int:
    """Return which user listens; this one where the system does not say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return os.geteuid()
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        size = struct.calcsize("3i")
        peer = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    user: int = struct.unpack("3i", peer)[1]
    return user


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
