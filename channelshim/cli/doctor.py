"""`channelshim doctor`: reads an app, runs nothing of it, and says what works here."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from channelshim import appengine
from channelshim.appengine import surface
from channelshim.appserver.libraries import missing_libraries, package_of
from channelshim.appyaml.config import AppConfig
from channelshim.appyaml.cron import parse_cron
from channelshim.appyaml.dispatch import parse_dispatch
from channelshim.appyaml.index_file import check_indexes
from channelshim.appyaml.queues import parse_queues
from channelshim.cli.doctor_imports import imports_by_words, imports_of
from channelshim.cli.doctor_python27 import (
    Reading,
    is_known,
    lines_of,
    package_for,
    read_source,
    why_not,
)
from channelshim.cli.doctor_reach import Reach, unread
from channelshim.cli.doctor_templates import template_remarks
from channelshim.compat.refused_modules import PLACEHOLDER
from channelshim.composition.plan import is_python27
from channelshim.composition.reading import ENDINGS, find_file, read_app
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError
from channelshim.python27.finding import AppFiles
from channelshim.python27.lowering import Remark

DOCTOR_FILES: Final = 10_000
"""Files that `channelshim doctor` reads."""

OK: Final = 0
SOMETHING_MISSING: Final = 1
UNREADABLE: Final = 2

WORKS: Final = "works"
PARTLY: Final = "partly"
IDLE: Final = "idle"
REFUSED: Final = "refused"
INSTALL: Final = "install"
MISSING: Final = "missing"

_PYTHON2_MODULES: Final = frozenset(
    """
    BaseHTTPServer ConfigParser Cookie HTMLParser Queue SimpleHTTPServer SocketServer
    StringIO UserDict __builtin__ cPickle cStringIO commands cookielib htmlentitydefs
    httplib md5 robotparser sets sha sgmllib simplejson thread urllib2 urlparse
    xmlrpclib django.utils.simplejson
    """.split()
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table.

    Attributes:
        name: of the service, library, module or file.
        status: WORKS, PARTLY, IDLE, REFUSED, INSTALL or MISSING.
        why: what does not work, or what to do; "" for nothing.
        places: files that use it.
    """

    name: str
    status: str
    why: str = ""
    places: tuple[str, ...] = ()


def report(app_dir: Path) -> tuple[str, int]:
    """Return the table for an app, and an exit status for CI.

    Args:
        app_dir: the folder of app.yaml.

    Returns:
        OK, SOMETHING_MISSING when the app needs what is not here, or UNREADABLE with
        the sentence why.
    """
    if app_dir.name.endswith(ENDINGS) and app_dir.is_file():
        app_dir = app_dir.parent
    try:
        config, notices = _read(app_dir)
        settings = read_settings({}, os.environ)
    except ConfigurationError as error:
        return str(error), UNREADABLE
    readers = None
    if is_python27(settings, config):
        # The base of a setting's globs.
        readers = AppFiles([str(app_dir)], settings.python3_files)
    reach = Reach(app_dir)
    sources, remarks, refused = _sources(app_dir, config, readers, reach)
    remarks += template_remarks(config, _python_files(app_dir))
    findings = [*_libraries(config, reach), *sources]
    lines = [
        f"{app_dir}: runtime {config.runtime}, "
        + (
            "1 handler"
            if len(config.handlers) == 1
            else f"{len(config.handlers)} handlers"
        ),
        "",
    ]
    lines += _table(findings)
    if notices:
        lines += ["", *notices]
    if remarks:
        lines += ["", *remarks]
    needs = [each for each in findings if each.status in (INSTALL, MISSING)]
    lines += ["", _verdict(needs, refused)]
    return "\n".join(lines), SOMETHING_MISSING if needs or refused else OK


def _verdict(needs: list[Finding], refused: int) -> str:
    """Return the last line.

    Args:
        needs: what must be installed, or is missing.
        refused: how many files cannot be loaded.
    """
    if not needs and not refused:
        return "Nothing is missing."
    install = sum(each.status == INSTALL for each in needs)
    files = f", {refused} of the files refused" if refused else ""
    return f"{install} to install, {len(needs) - install} missing here{files}."


def _read(app_dir: Path) -> tuple[AppConfig, list[str]]:
    config = read_app(app_dir)
    remarks = [str(warning) for warning in config.warnings]
    parsers: tuple[tuple[str, Callable[..., object]], ...] = (
        ("queue", parse_queues),
        ("cron", parse_cron),
        ("dispatch", parse_dispatch),
        ("index", check_indexes),
    )
    for name, parse in parsers:
        path = find_file(app_dir, name)
        if path is None:
            continue
        try:
            parsed = parse(path.read_text(encoding="utf-8-sig"), path=str(path))
        except ConfigurationError as error:
            remarks.append(str(error))
        except (OSError, UnicodeDecodeError) as error:
            remarks.append(f"{path}: it cannot be read: {error}")
        else:
            remarks += map(str, getattr(parsed, "warnings", ()))
    return config, remarks


def _libraries(config: AppConfig, reach: Reach) -> Iterator[Finding]:
    found = missing_libraries(config.libraries, reach.folders)
    missing = {each.name: str(each) for each in found}
    for library in config.libraries:
        if library.name in missing:
            yield Finding(f"library {library.name}", INSTALL, missing[library.name])
        else:
            yield Finding(f"library {library.name}", WORKS)


def _sources(
    app_dir: Path, config: AppConfig, files: AppFiles | None, reach: Reach
) -> tuple[list[Finding], list[str], int]:
    """Read the app's files, those that its scripts lead to.

    Args:
        app_dir: the app's folder.
        config: of the app.
        files: for files in Python 2.7, which of them are not; None for Python 3.
        reach: learns the folders that modules are in.

    Returns:
        a row for each imported module that is not the app's own; lines about single
        files; how many files cannot be loaded.
    """
    appengine.install()
    remarks: list[str] = []
    python2_files, python3_files, refused = [], [], 0
    imports: list[tuple[Path, set[str]]] = []
    for path, modules, reading in _readings(app_dir, config, reach, files):
        name = str(path.relative_to(app_dir))
        remarks += lines_of(name, reading)
        refused += bool(reading.refusals)
        if reading.is_python3:
            python3_files.append(name)
        elif files is None and reading.tree is None:
            python2_files.append(name)
        imports.append((path, modules))
    places: defaultdict[str, set[str]] = defaultdict(set)
    # Only now: each file may have added to the folders that modules are in.
    for path, modules in imports:
        for module in modules:
            if not reach.is_own(module.partition(".")[0], path.parent):
                places[module].add(str(path.relative_to(app_dir)))
    row = _module if files is None else _module27
    rows = [row(name, tuple(sorted(used))) for name, used in places.items()]
    found = sorted((row for row in rows if row is not None), key=lambda row: row.name)
    if python3_files:
        remarks.append(f"Python 3, left as it is: {_first_of(python3_files)}")
    if python2_files:
        found.append(_python2("Python 2 syntax", tuple(python2_files)))
    rest = unread(_python_files(app_dir), {path for path, _ in imports}, app_dir)
    return found, [*remarks, rest] if rest else remarks, refused


def _readings(
    app_dir: Path, config: AppConfig, reach: Reach, files: AppFiles | None
) -> Iterator[tuple[Path, set[str], Reading]]:
    """Read what the scripts lead to; all files where app.yaml names none that is here.

    Where a script cannot be read, what it leads to cannot be known either.
    """
    first = reach.first(config)
    waiting = first or list(_python_files(app_dir))
    seen: set[Path] = set()
    is_lost = False
    while waiting and len(seen) < DOCTOR_FILES:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            modules, reading = _read_file(path, files)
        except OSError as error:
            yield path, set(), Reading(None, (Remark(1, f"cannot be read: {error}"),))
            continue
        if first and reading.tree is not None:
            reach.add_folders(reading.tree)
            waiting += reach.next(reading.tree, path)
        elif first and not is_lost:
            is_lost = True
            waiting += _python_files(app_dir)
        yield path, modules, reading


def _read_file(path: Path, files: AppFiles | None) -> tuple[set[str], Reading]:
    """Return the modules that a file imports, and what it says."""
    source = path.read_bytes()
    if files is None:
        reading = Reading(_tree_of(source))
    else:
        reading = read_source(source, path, files)
    if reading.tree is None:
        return imports_by_words(source.decode("latin-1")), reading
    return imports_of(reading.tree), reading


def _python_files(app_dir: Path) -> Iterator[Path]:
    """Return the app's files; links are not followed: they may go in circles."""
    count = 0
    for folder, folders, names in os.walk(app_dir):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in ("node_modules", "__pycache__")
        )
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith(".py") and path.is_file():
                count += 1
                if count > DOCTOR_FILES:
                    return
                yield path


def _tree_of(source: bytes) -> ast.Module | None:
    """Return a file's syntax, or None when Python 3 cannot read it."""
    try:
        with warnings.catch_warnings():
            # They name no file, and are the app's own matter.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _module(name: str, places: tuple[str, ...]) -> Finding | None:
    """Return the row of a module, or None for what every Python has."""
    top = name.partition(".")[0]
    if name in _PYTHON2_MODULES:
        return _python2(name, places)
    if top in sys.stdlib_module_names or top == "__future__":
        return None
    row = surface.find(name)
    if row is not None or name.startswith("google.appengine."):
        return _of_surface(name, row, places)
    if _is_there(top):
        return Finding(top, WORKS, "", places)
    package = package_of(top)
    if package:
        return Finding(top, INSTALL, f"pip install '{package}'", places)
    # A stranger's package may have the name of a module that the app has lost.
    why = "neither in the app nor installed: put it there, or install what brings it"
    return Finding(top, INSTALL, why, places)


_STATUSES: Final = {
    surface.WORKS: WORKS,
    surface.IDLE: IDLE,
    surface.REFUSED: REFUSED,
}


def _of_surface(name: str, row: surface.Row | None, places: tuple[str, ...]) -> Finding:
    """Return the row of a module of App Engine's own."""
    if row is None or (row.answer is surface.Answer.SDK and not _is_there(name)):
        return Finding(name, MISSING, "not in this release", places)
    if row.needs is not None and not _is_there(row.needs[0]):
        return Finding(name, INSTALL, f"pip install '{row.needs[1]}'", places)
    if row.status is surface.WORKS:
        return Finding(name, PARTLY if row.note else WORKS, row.note, places)
    why = row.note
    if row.status is surface.REFUSED:
        why = "a call raises an error" + (f": {why}" if why else "")
    return Finding(name, _STATUSES[row.status], why, places)


def _module27(name: str, places: tuple[str, ...]) -> Finding | None:
    """Return the row of a module that a file in Python 2.7 imports."""
    top = name.partition(".")[0]
    if reason := why_not(top):
        return Finding(name, MISSING, reason, places)
    if package := package_for(name):
        return Finding(name, INSTALL, f"pip install '{package}'", places)
    if name == "django.utils.simplejson":
        return None
    if is_known(name) or (is_known(top) and top in _PYTHON2_MODULES):
        return None
    return _module(name, places)


def _python2(name: str, places: tuple[str, ...]) -> Finding:
    why = "Python 2, which app.yaml's runtime denies: `runtime: python27` runs it"
    return Finding(name, MISSING, why, places)


def _is_there(module: str) -> bool:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and spec.origin != PLACEHOLDER


def _table(findings: list[Finding]) -> list[str]:
    rows = {(each.name, each.status, each.why): each for each in findings}
    width = max([len(each.name) for each in rows.values()], default=0)
    lines = []
    for each in rows.values():
        line = f"{each.name:<{width}}  {each.status:<7}  {_first_of(each.places)}"
        lines.append(line.rstrip() + (f"  ({each.why})" if each.why else ""))
    return lines


def _first_of(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
