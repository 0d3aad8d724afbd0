"""`channelshim doctor`: reads an app, runs nothing of it, and says what works here."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from channelshim import appengine
from channelshim.appserver.libraries import missing_libraries, package_of
from channelshim.appyaml.app import AppConfig, parse_app
from channelshim.appyaml.cron import parse_cron
from channelshim.appyaml.queues import parse_queues
from channelshim.errors import ConfigurationError

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
    except ConfigurationError as error:
        return str(error), UNREADABLE
    findings = [
        *_libraries(config),
        *_sources(app_dir),
    ]
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
    needs = [each for each in findings if each.status in (INSTALL, MISSING)]
    lines += ["", _verdict(needs)]
    return "\n".join(lines), SOMETHING_MISSING if needs else OK


def _verdict(needs: list[Finding]) -> str:
    if not needs:
        return "Nothing is missing."
    install = sum(each.status == INSTALL for each in needs)
    return f"{install} to install, {len(needs) - install} missing here."


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


def _sources(app_dir: Path) -> list[Finding]:
    """Return a row for each imported module that is not the app's own."""
    appengine.install()
    places: defaultdict[str, set[str]] = defaultdict(set)
    python2_files = []
    own = {path.stem for path in app_dir.glob("*.py")}
    own |= {path.parent.name for path in app_dir.glob("*/__init__.py")}
    for path in _python_files(app_dir):
        name = str(path.relative_to(app_dir))
        source = path.read_bytes()
        modules = _imports(source)
        if modules is None:
            python2_files.append(name)
            modules = _imports_by_words(source.decode("latin-1"))
        for module in modules:
            if module.partition(".")[0] not in own:
                places[module].add(name)
    rows = [_module(name, tuple(sorted(used))) for name, used in places.items()]
    found = sorted((row for row in rows if row is not None), key=lambda row: row.name)
    if python2_files:
        found.append(_python2("Python 2 syntax", tuple(python2_files)))
    return found


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


def _imports(source: bytes) -> set[str] | None:
    """Return the modules that a file imports, or None when Python 3 cannot read it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
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


def _python2(name: str, places: tuple[str, ...]) -> Finding:
    if _is_there("channelshim.python27"):
        return Finding(name, WORKS, "Python 2, translated while loading", places)
    return Finding(name, MISSING, "Python 2: not translated in this release", places)


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
        used = ", ".join(each.places[:3]) + (", ..." if len(each.places) > 3 else "")
        line = f"{each.name:<{width}}  {each.status:<7}  {used}"
        lines.append(line.rstrip() + (f"  ({each.why})" if each.why else ""))
    return lines
