"""Static files that were sent, to be sent again by the loop itself.

Most requests for static files are for the same few. Finding out whether an address is a
file, whose it is and what its headers say takes a worker and, for a small file, twenty
times as long as reading it.

Theory. What is remembered is an answer that the app server itself has given, and only
one that it gives to everybody (`FilePieces.facts`): its file must be found by the first
handler that matches, without a login, whatever the scheme, and its headers must follow
from the file's own facts, which `FileFacts.identity` stands for. An app's configuration
does not change while it is served; which module of it answers depends on the port and
the host that are asked. So another plain GET of the same path there, by a caller whose
host was served before, gets the same status and headers as long as the file has the
same identity, and the bytes are read from a descriptor that has it. A request that
says anything else that an answer may depend on goes the app server's way, as do all
when the identity is another.

Nothing here waits for a disk: a file whose bytes are not in the kernel's cache, or on a
file system that cannot say so, is left to a worker. Only names are looked up, those of
files that were just served.

Explored by tests/server/test_files.py, against a server that remembers nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from channelshim.runtime.file_pieces import (
    WHOLE_BYTES,
    FileFacts,
    FilePieces,
    identity_of,
    read_cached,
)
from channelshim.server.exchange import Head
from channelshim.server.response import Response
from channelshim.server.response_bytes import BadAnswer, header_lines

MOST_FILES: Final = 1024
_LONGEST_NAME: Final = 512
_LONGEST_LINES: Final = 2048
"""Addresses are untrusted: at most some 3 MiB are remembered."""

_DECIDING: Final = frozenset(
    {b"range", b"content-type", b"content-length", b"transfer-encoding", b"expect"}
)
"""Headers that an answer may depend on, besides those that begin with "if-"."""


Caller = tuple[bytes, str]
"""The Host header, and the address that has connected: whether the host is served
depends on these two, whatever is asked for."""


Site = tuple[Any, bytes]
"""Our own address and port, and the Host header: they say which module answers."""


@dataclass(frozen=True, slots=True)
class RememberedFile:
    """A file's answer to a plain GET.

    Attributes:
        site: where it was asked for.
        facts: of the file.
        headers: as the app server has given them.
        lines: those that do not depend on the request, as bytes.
        length: of the file, in bytes.
    """

    site: Site
    facts: FileFacts
    headers: tuple[tuple[str, str], ...]
    lines: bytes
    length: int

    def open(self) -> int | None:
        """Return a descriptor of the file, or None when it is another one now."""
        try:
            # Not blocking: a FIFO may be in its place.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(self.facts.path, flags)
        except OSError:
            return None
        if identity_of(os.fstat(descriptor)) == self.facts.identity:
            return descriptor
        os.close(descriptor)
        return None

    @property
    def is_short(self) -> bool:
        """Return whether it is read and sent at once."""
        return self.length <= WHOLE_BYTES

    def read(self) -> bytes | None:
        """Return the whole file; None when it is another, or not in the cache."""
        descriptor = self.open()
        if descriptor is None:
            return None
        try:
            return read_cached(descriptor, self.length)
        finally:
            os.close(descriptor)


class RememberedFiles:
    """The answers that are remembered, by path. Loop thread."""

    def __init__(self) -> None:
        self._files: dict[bytes, RememberedFile] = {}
        self._admitted: set[Caller] = set()

    def remember(self, response: Response, head: Head, file: FilePieces) -> None:
        """Remember an answer of the app server's, if it is one for everybody.

        Args:
            response: of its request.
            head: of the answer.
            file: its body.
        """
        path = response.request.raw_path
        if file.facts is None or not head[0].startswith("200 "):
            return
        caller = _plain_caller(response)
        headers = tuple(head[1])
        if caller is None or any(name.lower() == "vary" for name, _ in headers):
            return
        try:
            lines = b"".join(header_lines(headers)[0])
        except BadAnswer:
            return
        if len(path) > _LONGEST_NAME or len(caller[0]) > _LONGEST_NAME:
            return
        if len(lines) > _LONGEST_LINES:
            return
        self._files.pop(path, None)
        if len(self._files) >= MOST_FILES:
            # The one that was remembered first.
            del self._files[next(iter(self._files))]
        site = _site_of(response, caller)
        self._files[path] = RememberedFile(
            site, file.facts, headers, lines, file.length
        )
        if len(self._admitted) >= MOST_FILES:
            self._admitted.clear()
        self._admitted.add(caller)

    def find(self, response: Response) -> RememberedFile | None:
        """Return the answer to a request, if it is remembered."""
        found = self._files.get(response.request.raw_path)
        if found is None:
            return None
        caller = _plain_caller(response)
        if caller is None or caller not in self._admitted:
            return None
        return found if found.site == _site_of(response, caller) else None

    def forget(self, response: Response) -> None:
        """Forget the answer to a request: its file is another one now."""
        self._files.pop(response.request.raw_path, None)


def _site_of(response: Response, caller: Caller) -> Site:
    return response.request.server, caller[0]


def _plain_caller(response: Response) -> Caller | None:
    """Return who makes a plain GET; None when an answer may depend on more."""
    if response.method != "GET":
        return None
    host = b""
    for name, value in response.request.headers:
        if name == b"host":
            host = value
        elif name in _DECIDING or name[:3] == b"if-":
            return None
    client = response.request.client
    return host, client[0] if client else ""
