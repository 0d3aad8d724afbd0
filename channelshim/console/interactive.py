"""Python in the app's environment: its modules, its services, its data."""

from __future__ import annotations

import ast
import contextvars
import io
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import IO, Any, ClassVar, Final

from channelshim.console.page import NO_THREAD, PageHandler, Refused
from channelshim.console.sources import Sources
from channelshim.kernel.deadlines import TYPED

LONGEST_OUTPUT: Final = 256 * 1024
"""Characters of what a program prints; the rest is dropped."""

LONGEST_PROGRAM: Final = 256 * 1024

PAGE_SECONDS: Final = 10.0
"""How long a page waits for its program; then it says that it goes on."""

LONGEST_SECONDS: Final = 600.0
"""Of a program; then it is ended, as a handler past its deadline."""

MOST_PROGRAMS: Final = 4
"""That run at once: those that have been forgotten, and one more."""

_END_SECONDS: Final = 1.0
"""How long a page waits for a program that it has told to end."""

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
    """Standard output while programs run: their own prints are kept for the page.

    Args:
        outside: takes what other threads print meanwhile.
    """

    def __init__(self, outside: IO[str]) -> None:
        self._outside = outside

    def write(self, text: str) -> int:
        return (_output.get() or self._outside).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(_output.get() or self._outside, name)


class _Redirection:
    """Puts that in the place of standard output while at least one program runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._before: IO[str] = sys.stdout

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._before = sys.stdout
                sys.stdout = _Stdout(self._before)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                sys.stdout = self._before


_redirection: Final = _Redirection()


class Session:
    """The names of one console, from one program to the next; one at a time runs.

    Args:
        names: what is imported already.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def run(self, program: str, output: _Output | None = None) -> str:
        """Run a program and return what it prints, the value of its last line included.

        Whatever it raises is a traceback in what is returned.

        Args:
            program: its text.
            output: takes what it prints meanwhile; None for one of its own.
        """
        output = output or _Output()
        own = _output.set(output)
        try:
            with _redirection:
                self._run(program, output)
        finally:
            _output.reset(own)
        return output.getvalue()

    def _run(self, program: str, output: _Output) -> None:
        try:
            tree = ast.parse(program, TYPED)
            last = tree.body[-1] if tree.body else None
            value = None
            if isinstance(last, ast.Expr):
                tree.body.pop()
                value = ast.Expression(last.value)
            exec(compile(tree, TYPED, "exec"), self._names)
            if value is not None:
                shown = eval(compile(value, TYPED, "eval"), self._names)
                if shown is not None:
                    self._names["_"] = shown
                    output.write(f"{shown!r}\n")
        except BaseException as error:
            # SystemExit too: it must not end a thread of the server.
            trace = error.__traceback__
            # Without our own frame.
            error = error.with_traceback(trace.tb_next if trace else None)
            output.write("".join(traceback.format_exception(error)))


class Program:
    """A program that runs in a thread of its own. Any thread.

    Args:
        text: of it.
        session: whose names it has.

    Attributes:
        text: as given.
        session: as given.
        is_late: whether its page was answered before it had ended.
    """

    def __init__(self, text: str, session: Session) -> None:
        self.text: str = text
        self.session: Session = session
        self.is_late: bool = False
        self._begun = time.monotonic()
        self._output = _Output()
        self._is_over = threading.Event()
        self._is_to_end = False
        self._hasten: Callable[[], None] = lambda: None

    @property
    def output(self) -> str:
        """Return what it has printed so far."""
        return self._output.getvalue()

    @property
    def seconds(self) -> float:
        """Return how long ago it was begun."""
        return time.monotonic() - self._begun

    @property
    def is_running(self) -> bool:
        """Return whether it has not ended."""
        return not self._is_over.is_set()

    def run(self, sources: Sources) -> None:
        """Run it, and end it where it takes too long."""
        try:
            with sources.limit(LONGEST_SECONDS) as self._hasten:
                if self._is_to_end:
                    self._hasten()
                sources.in_app(self.session.run, self.text, self._output)
        except BaseException as error:
            # A thread that is kept would run it again.
            self._output.write("".join(traceback.format_exception_only(error)))
        finally:
            self._is_over.set()

    def give_up(self) -> None:
        """Count as ended: there is no thread to run it."""
        self._is_over.set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, and return whether that has come."""
        return self._is_over.wait(seconds)

    def end(self) -> bool:
        """Have it end, and return whether it has.

        What waits outside of Python ends when that returns, which may be never.
        """
        self._is_to_end = True
        self._hasten()
        return self.wait(_END_SECONDS)


class Programs:
    """The programs of a console. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[Program] = []
        self.latest: Program | None = None

    def begin(self, text: str, session: Session, sources: Sources) -> Program:
        """Begin a program.

        Raises:
            Refused: the one before it runs, or too many do that were forgotten.
        """
        with self._lock:
            self._running = [each for each in self._running if each.is_running]
            if any(each.session is session for each in self._running):
                raise Refused(
                    "A program still runs: end it, or forget all names to begin anew."
                )
            if len(self._running) >= MOST_PROGRAMS:
                raise Refused(
                    f"{len(self._running)} programs have not ended, though they were "
                    "told to: restart the server to be rid of them.",
                    HTTPStatus.SERVICE_UNAVAILABLE,
                )
            program = self.latest = Program(text, session)
            self._running.append(program)
        try:
            sources.start_thread("console program", lambda: program.run(sources))
        except RuntimeError:
            program.give_up()
            raise Refused(NO_THREAD, HTTPStatus.SERVICE_UNAVAILABLE) from None
        return program


class InteractivePage(PageHandler):
    """Runs what is typed, where a flag has asked for it."""

    template: ClassVar[str] = "interactive.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        latest = self._programs().latest
        # Any other has been shown.
        is_shown = latest is not None and latest.is_late
        return self._facts(latest if is_shown else None)

    def _facts(self, program: Program | None) -> dict[str, Any]:
        is_running = program is not None and program.is_running
        return {
            "allows_code": self.sources.app.allows_code,
            "program": "" if program is None else program.text,
            "output": None if program is None else program.output,
            "is_running": is_running,
            "seconds": program.seconds if program is not None and is_running else 0.0,
        }

    def do_run(self, **names: str) -> str:
        """Run a program."""
        if not self.sources.app.allows_code:
            raise Refused(
                "The console runs no Python: start the server with --console_code, on "
                "this machine alone.",
                HTTPStatus.FORBIDDEN,
            )
        text = self.text("program").replace("\r\n", "\n")
        if len(text) > LONGEST_PROGRAM:
            raise Refused(f"A program has at most {LONGEST_PROGRAM} characters.")
        program = self._programs().begin(text, self._session(), self.sources)
        program.is_late = not program.wait(PAGE_SECONDS)
        self.answer(self._facts(program))
        return ""

    def do_end(self, **names: str) -> str:
        """End the program that runs."""
        latest = self._programs().latest
        if latest is None or latest.end():
            return "The program has ended."
        return (
            "The program has not ended yet: it was told to, and hears of it when what "
            "it waits for comes."
        )

    def do_forget(self, **names: str) -> str:
        """Begin again with no names of earlier programs."""
        latest = self._programs().latest
        if latest is not None and latest.is_running:
            latest.end()
        self._programs().latest = None
        self.app.registry.pop("session", None)
        return "The names of earlier programs are forgotten."

    def _programs(self) -> Programs:
        programs: Programs = self.app.registry.setdefault("programs", Programs())
        return programs

    def _session(self) -> Session:
        registry = self.app.registry
        session: Session | None = registry.get("session")
        if session is None:
            names = self.sources.in_app(self.sources.code_names)
            session = registry.setdefault("session", Session(names))
        return session
