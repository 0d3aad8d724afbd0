"""Python 2.7 mode for one process: what it needs, put together once."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from types import CodeType, ModuleType
from typing import Any, Final

from channelshim.compat import import_hooks, legacy_str
from channelshim.python27 import mends, names
from channelshim.python27.caching import CodeCache
from channelshim.python27.finding import AppFiles
from channelshim.python27.loading import Finder, Importer
from channelshim.python27.shadows import Shadow, Shadows
from channelshim.python27.stdlib import process
from channelshim.python27.strings import NativeStr

_lock: Final = threading.Lock()
_importer: Importer | None = None


def install(
    app_dir: str | os.PathLike[str],
    *,
    python3_files: Iterable[str] = (),
    cache_dir: str | None = None,
    use_cache: bool = True,
) -> Importer:
    """Have an app's files read as Python 2.7 from now on; again for one more app.

    Args:
        app_dir: the folder whose files are the app's.
        python3_files: globs, relative to the folder, of files that are Python 3.
        cache_dir: where translated code is kept; None means the user's cache folder.
            Read by the first call only, as is `use_cache`.
        use_cache: whether translated code is kept at all.

    Returns:
        What the app's modules are imported with.
    """
    global _importer
    with _lock:
        if _importer is None:
            cache = CodeCache(cache_dir) if use_cache else None
            _importer = make_importer(AppFiles(), cache)
            import_hooks.add_finder(Finder(_importer))
            legacy_str.set_kind(NativeStr)
            mends.install(
                _importer.shadows.get, _importer.builtins_for(is_python3=False)
            )
        _importer.files.add_root(os.fspath(app_dir))
        _importer.files.python3_files.extend(python3_files)
        _importer.forget_places()
        return _importer


def installed() -> Importer | None:
    """Return what apps import with; None when this process has no 2.7 mode."""
    return _importer


def make_importer(files: AppFiles, cache: CodeCache | None) -> Importer:
    """Return an importer for files, with every module of 2.7 at hand."""
    importer = Importer(files, cache, names.builtin_module, _shadows)
    process.importer = importer
    return importer


def _shadows(importer: Importer) -> Shadows:
    from channelshim.python27.stdlib import sys_27

    return Shadows(
        {
            "__builtin__": importer.builtin_module,
            "sys": Shadow("sys", sys, sys_27.names(importer)),
        }
    )


def import_app(name: str) -> ModuleType:
    """Import a module as the app itself would: `main`, or a package's `main`.

    Raises:
        ImportError: there is none.
        RuntimeError: `install` has not been called.
    """
    if _importer is None:
        raise RuntimeError("call channelshim.python27.install first")
    return _importer.load(name)


def compile_source(source: bytes, path: str) -> tuple[CodeType, dict[str, Any]]:
    """Return a script's code, and the builtins to run it with.

    Raises:
        SyntaxError: it is neither Python 2.7 nor Python 3.
        RuntimeError: `install` has not been called.
    """
    if _importer is None:
        raise RuntimeError("call channelshim.python27.install first")
    code, is_python3 = _importer.code_of(source, path)
    return code, _importer.builtins_for(is_python3=is_python3)


def is_app_code(value: Any) -> bool:
    """Tell whether a function, or a class, is translated code of an app."""
    if _importer is None:
        return False
    if isinstance(value, type):
        value = getattr(value, "__init__", None)
    globals = getattr(value, "__globals__", None)
    if globals is None:
        call = getattr(type(value), "__call__", None)  # noqa: B004 -- its code is asked for
        globals = getattr(call, "__globals__", None)
    ours = _importer.builtins_for(is_python3=False)
    return globals is not None and globals.get("__builtins__") is ours
