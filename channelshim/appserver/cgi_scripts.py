"""`script: file.py`: the file runs as a CGI program, its stdout is the response."""

from __future__ import annotations

import os
import pathlib
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from channelshim.appserver import streams
from channelshim.appserver.dialects import PYTHON3, Dialect
from channelshim.kernel.app_lock import AppLock

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_HEADER: Final = re.compile(rb"([\w!#$%&'*+.^`|~-]+):[ \t]*([^\r\n]*)\r?\n")


class CgiScripts:
    """Runs files as App Engine's first runtime did.

    The first request runs the file as `__main__`; when it has defined `main`, later
    ones call that alone, so its globals live on.

    Args:
        root: the app's folder.
        dialect: what the app's files are written in.
    """

    def __init__(self, root: pathlib.Path, dialect: Dialect = PYTHON3) -> None:
        self._root = root
        self._dialect = dialect
        self._codes: dict[str, tuple[CodeType, dict[str, Any]]] = {}
        self._modules: dict[str, ModuleType] = {}
        self._lock = AppLock(
            threading.Lock(), "scripts without a main() run one at a time"
        )

    def application(self, script: str) -> Callable[..., Iterable[bytes]]:
        """Return a WSGI application that runs the file.

        Args:
            script: path from the app's folder.

        Raises:
            FileNotFoundError: there is no such file below the app's folder.
            SyntaxError: it is no Python.
        """
        parts = script.split("/")
        if script.startswith("/") or ".." in parts:
            raise FileNotFoundError(script)
        if script not in self._codes:
            path = self._root / script
            self._codes[script] = self._dialect.compile(path.read_bytes(), str(path))

        def run(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
            status, headers, body = parse_output(self._run(script, environ))
            start_response(status, headers)
            return [body]

        return run

    def describe_fault(self) -> str:
        """Return a sentence about a script that holds up others, or ""."""
        return self._lock.describe_fault()

    def files(self) -> Iterator[str]:
        """Yield the path of each file that was read."""
        return (str(self._root / script) for script in list(self._codes))

    def _run(self, script: str, environ: WSGIEnvironment) -> bytes:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        names = self._codes[script][1]
        output = streams.give(self._dialect.script_input(body, names))
        _set_variables(environ, self._root / script)
        try:
            self._execute(script)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise RuntimeError(f"{script} ended with {end.code!r}") from end
        return output.bytes()

    def _execute(self, script: str) -> None:
        module = self._modules.get(script)
        if module is not None:
            module.main()
            return
        # One at a time: it is `__main__`, of which a process has one.
        self._lock.acquire(script)
        try:
            module = ModuleType("__main__")
            module.__file__ = str(self._root / script)
            code, names = self._codes[script]
            module.__dict__.update(names)
            outside = sys.modules["__main__"]
            sys.modules["__main__"] = module
            try:
                exec(code, module.__dict__)
            finally:
                sys.modules["__main__"] = outside
        finally:
            self._lock.release()
        if callable(getattr(module, "main", None)):
            self._modules[script] = module


def _set_variables(environ: WSGIEnvironment, path: pathlib.Path) -> None:
    """Add what CGI has and WSGI spells otherwise (RFC 3875)."""
    variables = os.environ
    for name in ("PATH_INFO", "SCRIPT_NAME", "QUERY_STRING"):
        text = str(environ.get(name, ""))
        variables[name] = text.encode("latin-1", "replace").decode(
            "utf-8", "surrogateescape"
        )
    variables["GATEWAY_INTERFACE"] = "CGI/1.1"
    variables["PATH_TRANSLATED"] = str(path)


def parse_output(output: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status line, headers and body of what a CGI script wrote.

    Output that does not begin with headers is all body.

    Source: RFC 3875, 6.2 and 6.3.
    """
    headers: list[tuple[str, str]] = []
    status = ""
    position = 0
    while match := _HEADER.match(output, position):
        name, value = match[1].decode("latin-1"), match[2].decode("latin-1").strip()
        position = match.end()
        if name.lower() == "status":
            status = value
        else:
            headers.append((name, value))
    end = re.compile(rb"\r?\n").match(output, position)
    if end is None and position < len(output):
        return "200 OK", [("Content-Type", "text/html; charset=utf-8")], output
    body = output[end.end() :] if end else b""
    names = {name.lower() for name, _ in headers}
    if not re.match(r"\d{3}(\s|\Z)", status):
        status = "302 Found" if "location" in names else "200 OK"
    if len(status) == 3:
        status = f"{status} {_phrase(int(status))}"
    if "content-type" not in names:
        headers.append(("Content-Type", "text/html; charset=utf-8"))
    return status, headers, body


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"
