"""`channelshim doctor`: reads an app, runs nothing of it, and says what works here."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from channelshim import appengine
from channelshim.appserver.libraries import missing_libraries, package_of
from channelshim.appyaml.app import AppConfig, parse_app
from channelshim.appyaml.cron import parse_cron
from channelshim.appyaml.queues import parse_queues
from channelshim.cli.doctor_python27 import (
    Reading,
    hint_of_gone,
    is_known,
    lines_of,
    package_for,
    read_source,
    why_not,
)
from channelshim.cli.doctor_templates import template_remarks
from channelshim.composition.plan import is_python27
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError
from channelshim.python27.finding import AppFiles

DOCTOR_FILES: Final = 10_000
"""Files that `channelshim doctor` reads."""

OK: Final = 0
SOMETHING_MISSING: Final = 1
UNREADABLE: Final = 2

WORKS: Final = "works"
PARTLY: Final = "partly"
INSTALL: Final = "install"
MISSING: Final = "missing"

_PARTLY: Final = {
    "google.appengine.api.blobstore": "files up to 32 MB",
    "google.appengine.ext.blobstore": "files up to 32 MB",
    "google.appengine.api.mail": "mails are kept as files, none is sent",
    "google.appengine.api.modules": "one module; starting others has no effect",
    "google.appengine.api.search": "Google's local stand-in; slow",
    "google.appengine.api.taskqueue": "push and pull queues",
    "google.appengine.api.logservice": "importable; no logs are kept",
    "google.appengine.api.quota": "importable; nothing is counted",
    "google.appengine.api.xmpp": "importable; nothing is sent",
}
_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+([\w, \t]+)"
    r"|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_PYTHON2_MODULES: Final = frozenset(
    """
    BaseHTTPServer ConfigParser Cookie HTMLParser Queue SimpleHTTPServer SocketServer
    StringIO UserDict __builtin__ cPickle cStringIO commands cookielib htmlentitydefs
    httplib md5 robotparser sets sha sgmllib simplejson thread urllib2 urlparse
    xmlrpclib django.utils.simplejson
    """.split()
)
_FOLDERS: Final = ("django.utils", "google.appengine.api", "google.appengine.ext")
"""Packages whose names are modules that matter one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table.

    Attributes:
        name: of the service, library, module or file.
        status: WORKS, PARTLY, INSTALL or MISSING.
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
    try:
        config, warnings = _read(app_dir)
        settings = read_settings({}, os.environ)
    except ConfigurationError as error:
        return str(error), UNREADABLE
    readers = None
    if is_python27(settings, config):
        # The base of a setting's globs.
        readers = AppFiles([str(app_dir)], settings.python3_files)
    sources, remarks, refused = _sources(app_dir, readers)
    remarks += template_remarks(config, _python_files(app_dir))
    findings = [*_libraries(config), *sources]
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
    if warnings:
        lines += ["", *warnings]
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
    def read(name: str) -> str | None:
        try:
            return (app_dir / name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return None

    text = read("app.yaml")
    if text is None:
        raise ConfigurationError(f"there is no app.yaml to read in {app_dir}")
    config = parse_app(text, path=str(app_dir / "app.yaml"), read=read)
    warnings = [str(warning) for warning in config.warnings]
    for name, parse in (("queue.yaml", parse_queues), ("cron.yaml", parse_cron)):
        other = read(name)
        if other is not None:
            parsed = parse(other, path=str(app_dir / name))
            warnings += [str(warning) for warning in parsed.warnings]
    return config, warnings


def _libraries(config: AppConfig) -> Iterator[Finding]:
    missing = {each.name: str(each) for each in missing_libraries(config.libraries)}
    for library in config.libraries:
        if library.name in missing:
            yield Finding(f"library {library.name}", INSTALL, missing[library.name])
        else:
            yield Finding(f"library {library.name}", WORKS)


def _sources(
    app_dir: Path, files: AppFiles | None
) -> tuple[list[Finding], list[str], int]:
    """Read the app's files.

    Args:
        app_dir: the app's folder.
        files: for files in Python 2.7, which of them are not; None for Python 3.

    Returns:
        a row for each imported module that is not the app's own; lines about single
        files; how many files cannot be loaded.
    """
    appengine.install()
    places: defaultdict[str, set[str]] = defaultdict(set)
    remarks: list[str] = []
    python2_files, python3_files, refused = [], [], 0
    for path in _python_files(app_dir):
        name = str(path.relative_to(app_dir))
        modules, reading = _read_file(path, files)
        remarks += lines_of(name, reading)
        refused += bool(reading.refusals)
        if reading.is_python3:
            python3_files.append(name)
        elif files is None and reading.tree is None:
            python2_files.append(name)
        for module in modules:
            if not _is_own(module.partition(".")[0], app_dir, path.parent):
                places[module].add(name)
    row = _module if files is None else _module27
    rows = [row(name, tuple(sorted(used))) for name, used in places.items()]
    found = sorted((row for row in rows if row is not None), key=lambda row: row.name)
    if python3_files:
        remarks.append(f"Python 3, left as it is: {_first_of(python3_files)}")
    if python2_files:
        found.append(_python2("Python 2 syntax", tuple(python2_files)))
    return found, remarks, refused


def _read_file(path: Path, files: AppFiles | None) -> tuple[set[str], Reading]:
    """Return the modules that a file imports, and what it says."""
    source = path.read_bytes()
    if files is None:
        reading = Reading(_tree_of(source))
    else:
        reading = read_source(source, path, files)
    if reading.tree is None:
        return _imports_by_words(source.decode("latin-1")), reading
    return _imports_of(reading.tree), reading


def _is_own(name: str, app_dir: Path, folder: Path) -> bool:
    """Tell whether a file in a folder of the app may mean a file of the app."""
    return any(
        (place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file()
        for place in (app_dir, app_dir / "lib", folder)
    )


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
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imports_of(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update(_from(node.module, [alias.name for alias in node.names]))
    return found


def _imports_by_words(text: str) -> set[str]:
    found: set[str] = set()
    for match in _IMPORT.finditer(text):
        if match[1]:
            names = [name.split()[0] for name in match[2].split(",") if name.strip()]
            found.update(_from(match[1], names))
        else:
            parts = [name.split()[0] for name in match[3].split(",") if name.strip()]
            found.update(part.strip(".") for part in parts)
    return found


def _from(module: str, names: Iterable[str]) -> Iterator[str]:
    """Return what `from module import names` uses, service by service."""
    if module in _FOLDERS:
        return (f"{module}.{name}" for name in names)
    return iter([module])


def _module(name: str, places: tuple[str, ...]) -> Finding | None:
    """Return the row of a module, or None for what every Python has."""
    top = name.partition(".")[0]
    if name in _PYTHON2_MODULES:
        return _python2(name, places)
    if top in sys.stdlib_module_names or top == "__future__":
        return None
    if name.startswith("google.appengine."):
        service = ".".join(name.split(".")[:4])
        if not _is_there(service):
            return Finding(service, MISSING, "not in this release", places)
        why = _PARTLY.get(service, "")
        return Finding(service, PARTLY if why else WORKS, why, places)
    if _is_there(top):
        return Finding(top, WORKS, "", places)
    package = package_of(top) or top
    return Finding(
        top, INSTALL, f"if it is not in lib/: pip install '{package}'", places
    )


def _module27(name: str, places: tuple[str, ...]) -> Finding | None:
    """Return the row of a module that a file in Python 2.7 imports."""
    top = name.partition(".")[0]
    if reason := why_not(top):
        return Finding(name, MISSING, reason, places)
    if package := package_for(name):
        return Finding(name, INSTALL, f"pip install '{package}'", places)
    hint = hint_of_gone(name)
    if hint is not None:
        return Finding(name, PARTLY, hint, places)
    if is_known(name) or (is_known(top) and top in _PYTHON2_MODULES):
        return None
    return _module(name, places)


def _python2(name: str, places: tuple[str, ...]) -> Finding:
    why = "Python 2, which app.yaml's runtime denies: `runtime: python27` runs it"
    return Finding(name, MISSING, why, places)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


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
