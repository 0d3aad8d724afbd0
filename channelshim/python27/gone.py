"""Names of App Engine's SDK that apps import and nothing stands behind any more.

The import works and so does a class statement over what is imported; a call says
that it is not there, and what to use instead.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

_SDK: Final = "google.appengine"

HINTS: Final[dict[str, str]] = {
    f"{_SDK}.api.files": "use a blobstore upload",
    f"{_SDK}.api.backends": "use modules",
    f"{_SDK}.api.prospective_search": "Google turned it off in 2015",
    f"{_SDK}.api.rdbms": "use a database's own driver",
    f"{_SDK}.api.rdbms_mysqldb": "use a database's own driver",
    f"{_SDK}.api.remote_socket": "sockets need no service here",
    f"{_SDK}.ext.admin": "the admin server has it",
    f"{_SDK}.ext.appstats": "",
    f"{_SDK}.ext.appstats.recording": "",
    f"{_SDK}.ext.appstats.ui": "",
    f"{_SDK}.ext.builtins": "",
    f"{_SDK}.ext.bulkload": "write entities by a script of your own",
    f"{_SDK}.ext.cloudstorage": "use Google's package google-cloud-storage",
    f"{_SDK}.ext.db.djangoforms": "write the form with Django's forms",
    f"{_SDK}.ext.endpoints": "answer with webapp2 and json",
    f"{_SDK}.ext.ereporter": "the log has every exception",
    f"{_SDK}.ext.remote_api": "run the code in the app",
    f"{_SDK}.ext.remote_api.remote_api_stub": "run the code in the app",
    f"{_SDK}.ext.remote_api.handler": "run the code in the app",
    f"{_SDK}.ext.search": "use google.appengine.api.search",
    f"{_SDK}.ext.webapp.xmpp_handlers": "Google turned XMPP off in 2017",
    f"{_SDK}.ext.zipserve": "unpack the zip, and serve it by static_dir",
    f"{_SDK}.runtime.runtime": "",
    f"{_SDK}.tools": "",
    f"{_SDK}.tools.appcfg": "",
    f"{_SDK}.tools.bulkloader": "write entities by a script of your own",
    f"{_SDK}.tools.dev_appserver": "run dev_appserver.py",
    f"{_SDK}.tools.dev_appserver_login": "run dev_appserver.py",
    "dev_appserver": "run dev_appserver.py",
}
"""What may be imported, and what to use instead of calling it."""


def _same(*args: Any, **named: Any) -> Any:
    """Return the first argument: a middleware that does nothing."""
    return args[0] if args else None


def _nothing(*args: Any, **named: Any) -> None:
    """Do nothing: what was to be set up is there."""


_WORKING: Final[dict[str, dict[str, Callable[..., Any]]]] = {
    f"{_SDK}.ext.appstats.recording": {"appstats_wsgi_middleware": _same},
    "dev_appserver": {"fix_sys_path": _nothing},
}


class _GoneKind(type):
    """The type of a name that is gone: it can be subclassed, its members too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return gone(f"{cls._name}.{name}", cls._hint)


def gone(name: str, hint: str) -> Any:
    """Return a class that stands for a name, and that nobody can call."""

    def refuse(cls: Any, *args: Any, **named: Any) -> Any:
        sentence = f"{name} is not there any more"
        raise NotImplementedError(f"{sentence}: {hint}" if hint else sentence)

    members = {"__new__": refuse, "_name": name, "_hint": hint, "__module__": __name__}
    return _GoneKind(name.rpartition(".")[2], (), members)


class _GoneModule(ModuleType):
    """A module that has every name, and nothing behind them."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in HINTS:
            return importlib.import_module(full)
        made = gone(full, HINTS[self.__name__])
        self.__dict__[name] = made
        return made


class Finder:
    """The last finder: it is asked for what nobody else has."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name not in HINTS:
            return None
        loader: Any = self
        return ModuleSpec(name, loader, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _GoneModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(_WORKING.get(module.__name__, {}))


_finder: Final[Any] = Finder()


def install() -> None:
    """Let these names be imported. Idempotent."""
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)
