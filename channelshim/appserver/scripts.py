"""The app's own code: `script: module.app` to a WSGI application."""

from __future__ import annotations

import logging
import os
import pathlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final

from channelshim.appserver.cgi_scripts import CgiScripts
from channelshim.appserver.dialects import PYTHON3, Dialect
from channelshim.appserver.own_imports import import_before
from channelshim.compat.tracebacks import hide_translator, hint
from channelshim.errors import ConfigurationError

_logger: Final = logging.getLogger("channelshim.appserver")

WsgiApp = Callable[..., Iterable[bytes]]


class AppImportError(ConfigurationError):
    """The app's code cannot be loaded.

    Args:
        script: as app.yaml names it.
        cause: what its import raised.
        root: the app's folder, whose lines are the ones to show.

    Attributes:
        report: the app's own traceback as text, without the frames of this server.
    """

    def __init__(self, script: str, cause: BaseException, root: pathlib.Path) -> None:
        hide_translator(cause)
        frame = _last_frame(cause.__traceback__, root)
        path, line = frame or _syntax_place(cause)
        super().__init__(
            f"{script} cannot be imported: {type(cause).__name__}: {cause}",
            path=path,
            line=line,
        )
        own = traceback.TracebackException.from_exception(cause)
        while len(own.stack) > 1 and not _is_inside(own.stack[0].filename, root):
            del own.stack[0]
        self.report = "".join(own.format())
        if help_text := hint(cause):
            self.report += f"{help_text}\n"


def _is_inside(filename: str, root: pathlib.Path) -> bool:
    # "<frozen importlib._bootstrap>" and the like are no paths.
    return filename.startswith(os.path.join(str(root), ""))


def _last_frame(
    trace: TracebackType | None, root: pathlib.Path
) -> tuple[str, int | None] | None:
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if _is_inside(frame.filename, root)
    ]
    return (frames[-1].filename, frames[-1].lineno) if frames else None


def _syntax_place(cause: BaseException) -> tuple[str | None, int | None]:
    if isinstance(cause, SyntaxError):
        return cause.filename, cause.lineno
    return None, None


class Scripts:
    """Loads each script once: `module.app`, or `file.py` to be run CGI-style.

    Args:
        root: the app's folder; becomes the working directory and the head of sys.path.
        stand_in: the application that somebody has loaded already and wrapped. It runs
            for the scripts that name it; where none does, for all of the app's.
        dialect: what the app's files are written in.
    """

    def __init__(
        self,
        root: pathlib.Path,
        stand_in: WsgiApp | None = None,
        dialect: Dialect = PYTHON3,
    ) -> None:
        self._root = root.resolve()
        self._stand_in = stand_in
        self._dialect = dialect
        self._cgi_scripts = CgiScripts(self._root, dialect.compile)
        self._middleware: Callable[[Any], Any] | None = None
        self._applications: dict[str, WsgiApp] = {}
        self._lock = threading.RLock()

    def enter_folder(self) -> None:
        """Make the app's folder the working directory and import from it first."""
        import_before((self._root, self._root / "lib"))
        os.chdir(self._root)
        if str(self._root) not in sys.path[:1]:
            sys.path.insert(0, str(self._root))
        self.add_libraries()

    def add_libraries(self) -> None:
        """Import from the app's lib/ too, where there is one."""
        vendored = self._root / "lib"
        import_before((self._root, vendored))
        if vendored.is_dir() and str(vendored) not in sys.path:
            # Behind all else, so that nothing old shadows what is installed; apps that
            # want it first say so in appengine_config.py.
            sys.path.append(str(vendored))

    def load_configuration(self) -> None:
        """Import appengine_config.py, if there is one, and take its middleware.

        Raises:
            AppImportError: it raises.
        """
        if not (self._root / "appengine_config.py").is_file():
            return
        try:
            module = self._dialect.import_module("appengine_config")
        except (Exception, SystemExit) as cause:
            raise AppImportError("appengine_config", cause, self._root) from cause
        self._middleware = getattr(module, "webapp_add_wsgi_middleware", None)

    def load(self, script: str) -> WsgiApp:
        """Return the application that script names.

        Args:
            script: dotted: modules, then attributes; or the path of a .py file.

        Raises:
            AppImportError: its code raises, or there is no such thing in it.
        """
        application = self._applications.get(script)
        if application is not None:
            return application
        with self._lock:
            if script not in self._applications:
                self._applications[script] = self._import(script)
            return self._applications[script]

    def stand_in_for(self, scripts: Iterable[str]) -> None:
        """Run the wrapped application for the scripts that name it, else for all.

        Args:
            scripts: as app.yaml names them; none is imported for this.
        """
        assert self._stand_in is not None
        distinct = _own_scripts(scripts)
        named = [each for each in distinct if self._loaded(each) is self._stand_in]
        if not named and len(distinct) > 1:
            _logger.warning(
                "app.yaml names %d scripts, and none of them is the wrapped "
                "application, which answers for all: channelshim.application() runs "
                "each",
                len(distinct),
            )
        program = self._dialect.program(self._stand_in)
        for script in named or distinct:
            self._applications[script] = program

    def load_all(self, scripts: Iterable[str]) -> None:
        """Load each; log what cannot be loaded, unless nothing of the app's can.

        Raises:
            AppImportError: of the first, when none can be loaded.
        """
        failures = []
        distinct = _own_scripts(scripts)
        for script in distinct:
            try:
                self.load(script)
            except AppImportError as failure:
                failures.append(failure)
        if failures and len(failures) == len(distinct):
            raise failures[0]
        for failed in failures:
            _logger.error("%s\n%s", failed, failed.report)

    def lazy(self, script: str) -> WsgiApp:
        """Return an application that loads the script when it is called."""

        def application(environ: Any, start_response: Any) -> Iterable[bytes]:
            return self.load(script)(environ, start_response)

        return application

    def is_own(self, script: str) -> bool:
        """Return whether a script's file is in the app's folder.

        Asked for names with a piece of the URL in them.
        """
        if script.endswith(".py"):
            parts = script.split("/")
            is_below = ".." not in parts and not script.startswith("/")
            return is_below and (self._root / script).is_file()
        first = script.partition(".")[0]
        return first.isidentifier() and (
            (self._root / f"{first}.py").is_file()
            or (self._root / first / "__init__.py").is_file()
        )

    def _import(self, script: str) -> WsgiApp:
        try:
            if script.endswith(".py"):
                return self._cgi_scripts.application(script)
            application = self._find(script)
            if self._middleware is not None:
                inner = self._dialect.inner_program(application)
                outer = self._middleware(inner)
                application = application if outer is inner else outer
        except (Exception, SystemExit) as cause:
            raise AppImportError(script, cause, self._root) from cause
        if not callable(application):
            error = TypeError(f"{script} is no WSGI application")
            raise AppImportError(script, error, self._root)
        found: WsgiApp = self._dialect.program(application)
        return found

    def files(self) -> Iterator[str]:
        """Yield the path of every file whose code was loaded, the app's among them."""
        yield from self._dialect.files()
        yield from self._cgi_scripts.files()

    def _loaded(self, script: str) -> Any:
        """Return what a dotted name stands for in the modules loaded so far."""
        module, _, attribute = script.rpartition(".")
        return getattr(self._dialect.loaded_module(module), attribute, None)

    def _find(self, script: str) -> Any:
        """Return what a dotted name stands for, the longest module path first tried."""
        names = script.split(".")
        found: Any = self._dialect.import_module(names[0])
        for position, name in enumerate(names[1:], 2):
            if not hasattr(found, name):
                self._import_submodule(".".join(names[:position]), script)
            found = getattr(found, name)
        return found

    def _import_submodule(self, name: str, script: str) -> None:
        try:
            self._dialect.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            parent, _, attribute = name.rpartition(".")
            raise AttributeError(
                f"{parent} has no {attribute}, which {script} names"
            ) from None


def _own_scripts(scripts: Iterable[str]) -> list[str]:
    """Return each once, without Google's: deferred's says nothing about the app."""
    distinct = dict.fromkeys(scripts)
    return [script for script in distinct if not script.startswith("google.")]
