"""Third-party modules patched so that code of 2012 to 2017 imports and reads them.

Each function takes the freshly imported module.
"""

from __future__ import annotations

import functools
import html
import logging
import os
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any

from channelshim.compat.legacy_str import LegacyStr

_QUOTED_PATH_KEY = "channelshim.quoted_path"


def patch_webapp2(webapp2: Any) -> None:
    """Have webapp2 match odd paths, and write bytes as they are."""

    def url_encoding(request: Any) -> str:
        # Python 2.7 matched the bytes; here a path that is not UTF-8 raised.
        environ = request.environ
        path: str = environ.get("PATH_INFO", "")
        if not path.isascii():
            try:
                path.encode("latin-1").decode()
            except UnicodeError:
                return "latin-1"
        encoding: str = environ.get("webob.url_encoding", "UTF-8")
        return encoding

    webapp2.Request.url_encoding = property(url_encoding)

    plain_path = webapp2.Request.path

    def path(request: Any) -> str:
        # Each route asks for it until one matches, and it is quoted again for each.
        environ = request.environ
        parts = environ.get("SCRIPT_NAME"), environ.get("PATH_INFO")
        known = environ.get(_QUOTED_PATH_KEY)
        if known is None or known[0] != parts:
            known = environ[_QUOTED_PATH_KEY] = parts, plain_path.fget(request)
        quoted: str = known[1]
        return quoted

    webapp2.Request.path = property(path)

    plain_write = webapp2.Response.write

    def write_bytes(response: Any, raw: bytes) -> None:
        response.app_iter.append(raw) if isinstance(
            response.app_iter, list
        ) else response.body_file.write(raw)
        response.content_length = None

    def write(response: Any, text: object) -> None:
        # webapp2 decodes bytes as UTF-8, which no PNG survives.
        if isinstance(text, bytes) and not isinstance(text, LegacyStr):
            write_bytes(response, text)
            return
        try:
            plain_write(response, str(text) if isinstance(text, LegacyStr) else text)
        except UnicodeEncodeError:
            # Bytes that were read as text, a binary body for example: as they came.
            charset = response.charset or "utf-8"
            write_bytes(response, str(text).encode(charset, "surrogateescape"))

    webapp2.Response.write = write


def patch_jinja2(extensions: Any) -> None:
    """Put back the extensions that Jinja 3.1 dropped for being built in."""
    for name in ("autoescape", "with_"):
        if not hasattr(extensions, name):
            extension = type(name, (extensions.Extension,), {"tags": set()})
            setattr(extensions, name, extension)


def patch_cgi(cgi: ModuleType) -> None:
    """Put back cgi.escape, which Python 3.8 dropped."""
    if not hasattr(cgi, "escape"):

        def escape(s: str, quote: bool = False) -> str:
            return html.escape(s, quote=quote)

        cgi.escape = escape  # type: ignore[attr-defined]


def patch_cgi_forms(cgi: Any) -> None:
    """Have forms ask the request's os.environ.

    The one that cgi found when it was imported is a default of its functions, and may
    be of a time before there were requests.
    """
    for function in (cgi.FieldStorage.__init__, cgi.parse, cgi.print_environ):
        function.__defaults__ = tuple(
            os.environ if isinstance(default, MutableMapping) else default
            for default in function.__defaults__
        )


def patch_deferred(deferred: Any) -> None:
    """Put back the handler class that apps named in their own routes.

    Source: SDK 1.9.88, ext/deferred/deferred.py, TaskHandler.
    """
    import webapp2

    class TaskHandler(webapp2.RequestHandler):  # type: ignore[misc]
        """Runs the deferred task that a request carries."""

        def run_from_request(self) -> None:
            """Run the task; 403 for a request that is no task's."""
            handler = deferred.Handler()
            text, status, _ = handler.run_from_request(self.request.environ)
            if status != 200:
                self.response.set_status(int(status))
                self.response.write(text)

        def post(self) -> None:
            """Run the task, and answer as the queue has to hear."""
            self.response.headers["Content-Type"] = "text/plain"
            try:
                self.run_from_request()
            except deferred.SingularTaskFailure:
                self.response.set_status(408)
            except deferred.PermanentTaskFailure:
                logging.exception("a deferred task has failed for good")

    def main() -> None:
        from wsgiref.handlers import CGIHandler

        CGIHandler().run(deferred.application)

    deferred.main = main
    TaskHandler.__module__ = deferred.__name__
    deferred.TaskHandler = TaskHandler


def patch_modules(modules: Any) -> None:
    """Have names come in lists: json, for one, takes no repeated field."""
    get_modules, get_versions = modules.get_modules, modules.get_versions

    @functools.wraps(get_modules)
    def modules_listed() -> list[str]:
        return list(get_modules())

    @functools.wraps(get_versions)
    def versions_listed(module: str | None = None) -> list[str]:
        return list(get_versions(module))

    modules.get_modules, modules.get_versions = modules_listed, versions_listed


class _Figure(float):
    """A number that may be called: messages of Python 2.7 had methods for fields."""

    def __call__(self) -> float:
        return float(self)


class _SystemStat:
    """What runtime.cpu_usage() and memory_usage() return."""

    def __init__(self, stat: Any) -> None:
        self.DESCRIPTOR = stat.DESCRIPTOR
        for field in stat.DESCRIPTOR.fields:
            setattr(self, field.name, _Figure(getattr(stat, field.name)))


def patch_runtime(runtime: Any) -> None:
    """Have the figures of the instance read as fields and as methods."""

    def patched(usage: Any) -> Any:
        return functools.wraps(usage)(lambda: _SystemStat(usage()))

    runtime.cpu_usage = patched(runtime.cpu_usage)
    runtime.memory_usage = patched(runtime.memory_usage)


def patch_taskqueue(taskqueue: Any) -> None:
    """Let a task name a target that does not run here: it comes to the app then.

    Source: SDK 1.9.88, api/taskqueue/taskqueue.py: in production a target was a name
    before the app's own host, whether or not something answered there.
    """
    from google.appengine.api import app_identity, modules

    name = "_Task__host_from_target"
    plain = getattr(taskqueue.Task, name)
    unknown: set[str] = set()

    def host_from_target(target: Any) -> Any:
        try:
            return plain(target)
        except modules.Error:
            if target not in unknown and len(unknown) < 100:
                unknown.add(target)
                logging.getLogger("channelshim.tasks").warning(
                    "no module or version %s runs here: its tasks come to the default "
                    "module",
                    target,
                )
            return f"{target}.{app_identity.get_default_version_hostname()}"

    setattr(taskqueue.Task, name, staticmethod(host_from_target))
