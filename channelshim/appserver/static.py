"""Static files: what a handler lets out of the app's folder, and how it is sent."""

from __future__ import annotations

import mimetypes
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Final

from channelshim.appserver import conditions
from channelshim.appserver.conditions import FileState, Selection
from channelshim.appyaml import config
from channelshim.appyaml.config import AppConfig, Handler
from channelshim.runtime.file_pieces import (
    FileFacts,
    FilePieces,
    identity_of,
    read_cached,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


_PIECE_BYTES: Final = 64 << 10
_UNKNOWN_TYPE: Final = "application/octet-stream"
_COMPRESSED: Final = {
    "gzip": "application/x-gzip",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "xz": "application/x-xz",
}
_COMPRESSED_DRAWING: Final = ".svgz"
"""Browsers show one only if the answer says that it is packed."""

_LONGEST_PATH: Final = 4096
"""Characters: Linux opens no longer one, and `skip_files` has patterns that take the
square of its length, Google's default ones among them."""

_FRAMING: Final = frozenset({"content-length", "content-range", "transfer-encoding"})
"""What app.yaml's http_headers cannot know."""

_SHOWN_DOT_NAMES: Final = frozenset({".well-known"})
"""RFC 8615 puts files there for all to read."""


def relative_path(handler: Handler, match: re.Match[str]) -> str:
    """Return the path, from the app's folder, that a URL stands for."""
    if handler.kind == config.STATIC_DIR:
        rest = match[match.re.groups] or ""
        return f"{handler.target.rstrip('/')}/{rest}"
    return expand(handler.target, match)


def expand(target: str, match: re.Match[str]) -> str:
    """Put groups in the place of \\1 and \\g<1>; an unknown one is nothing."""

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return re.sub(r"\\(?:(\d{1,2})|g<(\w{1,32})>)", group, target)


def is_servable(relative: str, app_config: AppConfig) -> bool:
    """Return whether a path may be served: below the folder, not hidden or skipped."""
    if len(relative) > _LONGEST_PATH:
        return False
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if not parts or relative.startswith("/") or "\0" in relative or "\\" in relative:
        return False
    if any(
        part == ".." or (part[0] == "." and part not in _SHOWN_DOT_NAMES)
        for part in parts
    ):
        return False
    # Google's default list skips every name with a dot before it.
    path = "/".join(part.lstrip(".") for part in parts)
    return not any(pattern.match(path) for pattern in app_config.skip_files)


def find_file(
    root: pathlib.Path,
    app_config: AppConfig,
    handler: Handler,
    match: re.Match[str],
    *,
    private: tuple[str, ...] = (),
) -> str | None:
    """Return the absolute path of the file for a request, or None for a 404.

    Symbolic links are followed: they are the developer's own doing.

    Args:
        root: the app's folder.
        app_config: says what is skipped.
        handler: of the request.
        match: of its pattern with the request's path.
        private: how the real paths begin of files that are not served, by whatever
            name they are reached.
    """
    relative = relative_path(handler, match)
    if not is_servable(relative, app_config):
        return None
    normal = os.path.normpath(relative)
    if handler.upload is not None and not handler.upload.match(normal):
        return None
    path = os.path.join(root, normal)
    # A trailing slash asks for a folder, and folders have no listing.
    if relative.endswith("/") or not os.path.isfile(path):
        return None
    if not os.access(path, os.R_OK):
        return None
    if private and os.path.realpath(path).startswith(private):
        return None
    return path


def serve_file(
    path: str,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    *,
    handler: Handler,
    default_expiration_seconds: int | None = None,
    is_for_all: bool = False,
) -> Iterable[bytes]:
    """Answer with a file: conditional, in ranges, with the handler's headers.

    Args:
        path: absolute.
        environ: of the request.
        start_response: of the request.
        handler: whose file.
        default_expiration_seconds: of the app; None for none.
        is_for_all: whether everybody gets this file at this address, so that a server
            may send it again; see FilePieces.
    """
    method = environ["REQUEST_METHOD"]
    if method not in ("GET", "HEAD"):
        allowed = [("Allow", "GET, HEAD"), ("Content-Length", "0")]
        start_response("405 Method Not Allowed", allowed)
        return []
    file = open(path, "rb")
    try:
        facts = os.fstat(file.fileno())
        state = FileState(facts.st_size, facts.st_mtime)
        part = conditions.select(environ, state)
        headers = file_headers(path, state, part, handler, default_expiration_seconds)
        start_response(part.status, headers)
        if method == "HEAD" or not part.length:
            file.close()
            return []
        known = None
        # What cannot be read without waiting for a disk is no use to remember.
        if is_for_all and part.status.startswith("200") and file.read(1):
            if read_cached(file.fileno(), 1) is not None:
                known = FileFacts(path, identity_of(facts))
        file.seek(part.first)
        return FilePieces(_Pieces(file, part.length), file, part.length, known)
    except BaseException:
        file.close()
        raise


class _Pieces:
    """Reads a part of a file; closes it at the end.

    Args:
        file: at the first byte.
        length: bytes to read.
    """

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(_PIECE_BYTES, self._left))
        if not piece:
            # All of it, or a file that has become shorter meanwhile.
            self._file.close()
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()


def file_headers(
    path: str,
    state: FileState,
    part: Selection,
    handler: Handler,
    default_expiration_seconds: int | None,
) -> list[tuple[str, str]]:
    """Return the headers of an answer with a file.

    Args:
        path: of the file.
        state: of the file.
        part: what is sent of it.
        handler: of the request; what its http_headers say wins.
        default_expiration_seconds: of app.yaml.
    """
    seconds = handler.expiration_seconds
    if seconds is None:
        seconds = default_expiration_seconds
    scope = "public" if handler.login == "optional" else "private"
    headers = [
        ("Last-Modified", state.date),
        ("ETag", state.tag),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", f"{scope}, max-age={seconds}" if seconds else "no-cache"),
    ]
    if part.status != conditions.NOT_MODIFIED:
        headers.append(("Content-Type", handler.mime_type or content_type_of(path)))
        headers.append(("Content-Length", str(part.length)))
        if path.endswith(_COMPRESSED_DRAWING):
            headers.append(("Content-Encoding", "gzip"))
    if part.content_range:
        headers.append(("Content-Range", part.content_range))
    own = {name.lower() for name, _ in handler.http_headers} - _FRAMING
    kept = [header for header in headers if header[0].lower() not in own]
    further = [header for header in handler.http_headers if header[0].lower() in own]
    return kept + further


def content_type_of(path: str) -> str:
    """Return the type of a file by its name.

    A compressed file is sent as what it is: with a Content-Encoding a browser would
    unpack the download. Drawings are never downloads: see `file_headers`.
    """
    kind, coding = mimetypes.guess_type(path)
    if path.endswith(_COMPRESSED_DRAWING):
        return kind or _UNKNOWN_TYPE
    if coding is not None:
        return _COMPRESSED.get(coding, _UNKNOWN_TYPE)
    return kind or _UNKNOWN_TYPE
