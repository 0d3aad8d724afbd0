"""Python in the app's environment: its modules, its services, its data."""

from __future__ import annotations

import ast
import contextvars
import io
import sys
import threading
import traceback
from http import HTTPStatus
from typing import IO, Any, ClassVar, Final

from channelshim.console.page import PageHandler, Refused

LONGEST_OUTPUT: Final = 256 * 1024
"""Characters of what a program prints; the rest is dropped."""

LONGEST_PROGRAM: Final = 256 * 1024

LONGEST_TURN_SECONDS: Final = 1.0
"""Of waiting for the program before, which may never end."""

_output: contextvars.ContextVar[_Output | None] = contextvars.ContextVar(
    "channelshim_console_output", default=None
)


class _Output(io.StringIO):
    """What a program prints, bounded."""

    def write(self, text: str) -> int:
        room = LONGEST_OUTPUT - self.tell()
        super().write(text[: max(0, room)])
        return len(text)


class _Stdout:
    """Standard output while a program runs: its own prints are kept for the page.

    Args:
        outside: takes what other threads print meanwhile.
    """

    def __init__(self, outside: IO[str]) -> None:
        self._outside = outside

    def write(self, text: str) -> int:
        return (_output.get() or self._outside).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(_output.get() or self._outside, name)


class Session:
    """The names of one console, from one program to the next. Any thread.

    Args:
        names: what is imported already.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._turn = threading.Lock()

    def run(self, program: str) -> str:
        """Run a program and return what it prints, the value of its last line included.

        Whatever it raises is a traceback in what is returned.

        Raises:
            Refused: one that was begun earlier still runs.
        """
        if not self._turn.acquire(timeout=LONGEST_TURN_SECONDS):
            raise Refused("A program still runs: forget all names to begin anew.")
        try:
            output = _Output()
            own = _output.set(output)
            before = sys.stdout
            sys.stdout = _Stdout(before)
            try:
                self._run(program, output)
            finally:
                sys.stdout = before
                _output.reset(own)
            return output.getvalue()
        finally:
            self._turn.release()

    def _run(self, program: str, output: _Output) -> None:
        try:
            tree = ast.parse(program, "<console>")
            last = tree.body[-1] if tree.body else None
            value = None
            if isinstance(last, ast.Expr):
                tree.body.pop()
                value = ast.Expression(last.value)
            exec(compile(tree, "<console>", "exec"), self._names)
            if value is not None:
                shown = eval(compile(value, "<console>", "eval"), self._names)
                if shown is not None:
                    self._names["_"] = shown
                    output.write(f"{shown!r}\n")
        except BaseException as error:
            # SystemExit too: it must not end a thread of the server.
            trace = error.__traceback__
            # Without our own frame.
            error = error.with_traceback(trace.tb_next if trace else None)
            output.write("".join(traceback.format_exception(error)))


class InteractivePage(PageHandler):
    """Runs what is typed, where a flag has asked for it."""

    template: ClassVar[str] = "interactive.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        return {
            "allows_code": self.sources.app.allows_code,
            "program": "",
            "output": None,
        }

    def do_run(self, **names: str) -> str:
        """Run a program."""
        if not self.sources.app.allows_code:
            raise Refused(
                "The console runs no Python: start the server with --console_code, on "
                "this machine alone.",
                HTTPStatus.FORBIDDEN,
            )
        program = self.text("program").replace("\r\n", "\n")
        if len(program) > LONGEST_PROGRAM:
            raise Refused(f"A program has at most {LONGEST_PROGRAM} characters.")
        output = self.sources.in_app(self._session().run, program)
        self.answer({**self.facts(), "program": program, "output": output})
        return ""

    def do_forget(self, **names: str) -> str:
        """Begin again with no names of earlier programs."""
        self.app.registry.pop("session", None)
        return "The names of earlier programs are forgotten."

    def _session(self) -> Session:
        registry = self.app.registry
        session: Session | None = registry.get("session")
        if session is None:
            names = self.sources.in_app(self.sources.code_names)
            session = registry.setdefault("session", Session(names))
        return session
