"""The app's own code: `script: module.app` to a WSGI application."""

from __future__ import annotations

import logging
import os
import pathlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final

from channelshim.appengine import surface
from channelshim.appserver.cgi_scripts import CgiScripts
from channelshim.appserver.dialects import PYTHON3, Dialect
from channelshim.appserver.own_imports import import_before
from channelshim.compat.tracebacks import hide_translator, hint, is_our_file
from channelshim.errors import ConfigurationError
from channelshim.kernel.app_lock import AppLock

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_logger: Final = logging.getLogger("channelshim.appserver")


class AppImportError(ConfigurationError):
    """The app's code cannot be loaded.

    Args:
        script: as app.yaml names it.
        cause: what its import raised.
        root: the app's folder, whose lines are the ones to show.

    Attributes:
        report: the app's own traceback as text, without the frames of this server; ""
            where it has no others.
        script: as given.
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
        self.script: str = script
        self.report: str = _report(cause, root)
        if help_text := hint(cause):
            self.report += f"{help_text}\n"
        self._cause = cause
        self._root = root

    def own_error(self) -> BaseException:
        """Return what the import raised, its traceback from the app's first line on."""
        trace = self._cause.__traceback__
        while trace is not None and not _is_inside(
            trace.tb_frame.f_code.co_filename, self._root
        ):
            trace = trace.tb_next
        return self._cause.with_traceback(trace or self._cause.__traceback__)


def _report(cause: BaseException, root: pathlib.Path) -> str:
    """Return a traceback from the app's first line on, without frames of ours."""
    own = traceback.TracebackException.from_exception(cause)
    frames = list(own.stack)
    own.stack.clear()
    for frame in frames:
        is_before = not own.stack and not _is_inside(frame.filename, root)
        if not (is_before or is_our_file(frame.filename)):
            own.stack.append(frame)
    if own.stack:
        return "".join(own.format())
    # Its place is in the error itself, and so is all that can be said of others.
    is_told = not isinstance(cause, SyntaxError)
    return "" if is_told else "".join(own.format_exception_only())


def _is_inside(filename: str, root: pathlib.Path) -> bool:
    # "<frozen importlib._bootstrap>" and the like are not paths.
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
        stand_in: WSGIApplication | None = None,
        dialect: Dialect = PYTHON3,
    ) -> None:
        self._root = root.resolve()
        self._stand_in = stand_in
        self._dialect = dialect
        self._cgi_scripts = CgiScripts(self._root, dialect)
        self._middleware: Callable[[Any], Any] | None = None
        self._applications: dict[str, WSGIApplication] = {}
        self._files: dict[str, str] = {}
        self._lock = AppLock(threading.RLock(), "scripts are imported one at a time")

    def enter_folder(self) -> None:
        """Make the app's folder the working directory and import from it first."""
        make_importable(self._root)
        os.chdir(self._root)
        if str(self._root) not in sys.path[:1]:
            sys.path.insert(0, str(self._root))

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
        for sentence in surface.idle_hooks(vars(module)):
            _logger.warning("appengine_config.py: %s", sentence)

    def load(self, script: str) -> WSGIApplication:
        """Return the application that script names.

        Args:
            script: dotted: modules, then attributes; or the path of a .py file.

        Raises:
            AppImportError: its code raises, or there is no such thing in it.
        """
        application = self._applications.get(script)
        if application is not None:
            return application
        self._lock.acquire(f"the import of {script}")
        try:
            if script not in self._applications:
                self._applications[script] = self._import(script)
            return self._applications[script]
        finally:
            self._lock.release()

    def settle_stand_in(
        self, scripts: Iterable[str], wrapper: WSGIApplication | None = None
    ) -> None:
        """Run the wrapped application for the scripts that name it.

        For the only script of an app it runs by whatever name. Called when the program
        has been imported, since `app = wrap(app)` gives the name after the call.

        Args:
            scripts: as app.yaml names them; none is imported for this.
            wrapper: what was made of it, where a name leads to that.

        Raises:
            ConfigurationError: several, and none is known to name it.
        """
        assert self._stand_in is not None
        distinct = _own_scripts(scripts)
        named = [each for each in distinct if self._names_stand_in(each, wrapper)]
        if not named and len(distinct) > 1:
            raise ConfigurationError(
                f"app.yaml names {len(distinct)} scripts ({', '.join(distinct)}), and "
                "none of them is the application that was wrapped: wrap the one that a "
                "script names, or have channelshim.application() run each"
            )
        application: Any = self._stand_in
        if named:
            application = self._inside_middleware(application)
        program = self._dialect.program(application)
        for script in named or distinct:
            self._applications[script] = program

    def _inside_middleware(self, application: Any) -> Any:
        if self._middleware is None:
            return application
        inner = self._dialect.inner_program(application)
        outer = self._middleware(inner)
        return application if outer is inner else outer

    def _names_stand_in(self, script: str, wrapper: WSGIApplication | None) -> bool:
        wanted = [each for each in (self._stand_in, wrapper) if each is not None]
        if script.endswith(".py"):
            values = vars(self._module(script)).values()
            return any(value is each for value in values for each in wanted)
        name, _, attribute = script.rpartition(".")
        module = self._dialect.loaded_module(name)
        module = module or self._module(name.replace(".", "/") + ".py")
        found = getattr(module, attribute, None)
        if found is None:
            return False
        # Flask's application is a method, in an attribute that is there for wrapping.
        inner = getattr(found, "wsgi_app", None)
        return getattr(self._stand_in, "__self__", None) is found or any(
            value is each for value in (found, inner) for each in wanted
        )

    def _module(self, path: str) -> Any:
        """Return the loaded module of a file, the program itself included."""
        file = str(self._root / path)
        name = path.removesuffix(".py").replace("/", ".")
        for module in (self._dialect.loaded_module(name), sys.modules.get("__main__")):
            found = getattr(module, "__file__", None)
            if found and os.path.realpath(found) == file:
                return module
        return _NOTHING

    def load_all(self, scripts: Mapping[str, tuple[str, int]]) -> None:
        """Load each; log what cannot be loaded, unless nothing of the app's can.

        Args:
            scripts: as app.yaml names them, with the file and the line that do.

        Raises:
            AppImportError: of the first, when none can be loaded.
        """
        failures = []
        distinct = _own_scripts(scripts)
        for script in distinct:
            try:
                self.load(script)
            except AppImportError as failure:
                if failure.path is None:
                    # No line of the app's code is at fault, but that one may be.
                    failure.path, failure.line = scripts[script]
                failures.append(failure)
        if failures and len(failures) == len(distinct):
            raise failures[0]
        for failed in failures:
            _logger.error("%s\n%s", failed, failed.report)

    def describe_fault(self) -> str:
        """Return a sentence about a script that holds up others, or ""."""
        return self._lock.describe_fault() or self._cgi_scripts.describe_fault()

    def lazy(self, script: str) -> WSGIApplication:
        """Return an application that loads the script when it is called."""
        loaded = self._applications.get(script)
        if loaded is not None:
            return loaded

        def application(environ: Any, start_response: Any) -> Iterable[bytes]:
            return self.load(script)(environ, start_response)

        return application

    def file_of(self, script: str) -> str:
        """Return the path of the file that a script names, for PATH_TRANSLATED."""
        found = self._files.get(script)
        if found is None:
            found = self._files[script] = self._find_file(script)
        return found

    def _find_file(self, script: str) -> str:
        if script.endswith(".py"):
            return str(self._root / script)
        names = script.split(".")
        for count in range(len(names), 0, -1):
            base = self._root.joinpath(*names[:count])
            for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
                if path.is_file():
                    return str(path)
        return str(self._root / f"{names[0]}.py")

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

    def _import(self, script: str) -> WSGIApplication:
        try:
            if script.endswith(".py"):
                return self._cgi_scripts.application(script)
            application = self._find(script)
            application = self._inside_middleware(application)
        except (Exception, SystemExit) as cause:
            raise AppImportError(script, cause, self._root) from cause
        if not callable(application):
            error = TypeError(f"{script} is not a WSGI application")
            raise AppImportError(script, error, self._root)
        found: WSGIApplication = self._dialect.program(application)
        return found

    def files(self) -> Iterator[str]:
        """Yield the path of every file whose code was loaded, the app's among them."""
        yield from self._dialect.files()
        yield from self._cgi_scripts.files()

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


_NOTHING: Final = ModuleType("nothing")


def make_importable(root: pathlib.Path) -> None:
    """Import from an app's folder and its lib/ too, where they are not yet.

    Behind all else, so that nothing old shadows what is installed; apps that want lib/
    first say so in appengine_config.py.

    Args:
        root: the app's folder, resolved.
    """
    vendored = root / "lib"
    import_before((root, vendored))
    for folder in (root, vendored):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))


def _own_scripts(scripts: Iterable[str]) -> list[str]:
    """Return each once, without Google's: deferred's says nothing about the app."""
    distinct = dict.fromkeys(scripts)
    return [script for script in distinct if not script.startswith("google.")]
