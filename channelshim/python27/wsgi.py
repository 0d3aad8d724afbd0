"""The edge between a WSGI server of Python 3 and a program of Python 2.7.

PEP 333 had native strings everywhere, PEP 3333 has bytes for bodies and Latin-1 text
for the rest. A program that is translated gets and gives native strings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from channelshim.compat.legacy_webob import NATIVE_KEY, in_latin_1
from channelshim.python27.installing import is_app_code
from channelshim.python27.strings import NativeStr, to_bytes, to_text

Program = Callable[[Any, Any], Iterable[Any]]


def bridge(program: Program) -> Program:
    """Return a WSGI program of Python 3 for one of Python 2.7.

    Args:
        program: a function, method or object; one of an installed framework is
            returned as it is.
    """
    if not is_app_code(program):
        return program

    def bridged(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = program(_environ27(environ), _start(start_response))
        if type(answer) is list or type(answer) is tuple:
            # The server knows that a list is all of it.
            return [_piece(chunk) for chunk in answer]
        return _Chunks(answer)

    functools.update_wrapper(bridged, program, assigned=("__doc__",), updated=())
    return bridged


def _piece(chunk: Any) -> Any:
    """Return a piece of a body as bytes; what is none, for the server to refuse."""
    try:
        return to_bytes(chunk)
    except TypeError:
        return chunk


class _Unbridged:
    """An installed program as middleware of the app calls it: back in Latin-1."""

    def __init__(self, program: Program) -> None:
        self._program: Final = program

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[Any]:
        # A request of WebOb may have done so before.
        if environ.pop(NATIVE_KEY, False):
            in_latin_1(environ)
        return self._program(environ, start_response)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._program, name)


def unbridge(program: Program) -> Program:
    """Return a WSGI program for middleware of Python 2.7 to call.

    Args:
        program: one of Python 2.7 is returned as it is.
    """
    return program if is_app_code(program) else _Unbridged(program)


def _environ27(environ: dict[str, Any]) -> dict[str, Any]:
    """Return an environ whose texts are those of UTF-8, and whose body is strings."""
    changed = dict(environ)
    for key, value in environ.items():
        if type(value) is str and not value.isascii():
            try:
                raw = value.encode("latin-1")
            except UnicodeEncodeError:
                continue
            changed[key] = to_text(raw)
    # Even of one that is all ASCII: a program may add to it what is not.
    changed[NATIVE_KEY] = True
    if "wsgi.input" in environ:
        changed["wsgi.input"] = Body(environ["wsgi.input"])
    return changed


class Body:
    """A request's body, read as strings of bytes."""

    def __init__(self, real: Any) -> None:
        self._real: Final = real

    def read(self, *size: Any) -> NativeStr:
        """Return the next bytes."""
        return NativeStr(self._real.read(*size))

    def readline(self, *size: Any) -> NativeStr:
        """Return the next line."""
        return NativeStr(self._real.readline(*size))

    def readlines(self, *hint: Any) -> list[NativeStr]:
        """Return the lines that are left."""
        return list(map(NativeStr, self._real.readlines(*hint)))

    def __iter__(self) -> Iterator[NativeStr]:
        return map(NativeStr, self._real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _start(start_response: Any) -> Any:
    def start(status: Any, headers: Any, exc_info: Any = None) -> Any:
        plain = [(_header(name), _header(value)) for name, value in headers]
        arguments = () if exc_info is None else (exc_info,)
        write = start_response(_header(status), plain, *arguments)
        return lambda data: write(to_bytes(data))

    return start


def _header(value: Any) -> str:
    """Return a header's bytes as the text of Latin-1 that PEP 3333 wants."""
    return to_bytes(value).decode("latin-1")


class _Chunks:
    """The body that a program gives, as bytes; closed when the program's is."""

    def __init__(self, chunks: Any) -> None:
        self._chunks: Final = chunks
        if hasattr(chunks, "close"):
            self.close = chunks.close

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self._chunks, (str, bytes)):
            # Allowed, and slow in 2.7: a chunk for each byte.
            yield to_bytes(self._chunks)
            return
        for chunk in self._chunks:
            yield _piece(chunk)
