"""The floors of the house: imports run downwards only.

Every import counts, inside functions and under TYPE_CHECKING too, and imports by a
constant text through importlib.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lanes import ROOT

PACKAGE = "channelshim"

FLOORS: tuple[tuple[frozenset[str], ...], ...] = (
    # One room: a contract names its errors and its bounds.
    (frozenset({"contracts", "errors", "limits", "version"}),),
    (frozenset({"protocol"}), frozenset({"appyaml"})),
    tuple(frozenset({room}) for room in ("kernel", "broker", "store", "runtime")),
    (frozenset({"compat"}),),
    (frozenset({"python27"}), frozenset({"hub"})),
    (frozenset({"services"}),),
    (frozenset({"appengine"}), frozenset({"pages"}), frozenset({"data"})),
    (frozenset({"appserver"}), frozenset({"jobs"})),
    (frozenset({"console"}), frozenset({"transports"})),
    (frozenset({"server"}),),
    (frozenset({"composition"}), frozenset({"deploy"})),
    # The doors are one room: each is a way into the same composition.
    (frozenset({"__init__", "__main__", "cli"}),),
)
"""Lowest floor first; each floor is its rooms, each room its modules or packages."""

DATA_ROOMS = frozenset({"browser", "init_template"})
"""Folders without Python of ours."""

PURE_FLOORS = 2
"""Floors 0 and 1 decide; they neither wait, nor look at a clock, nor touch a disk."""

PURE_MODULES = re.compile(
    r"python27/((parser|lowering)(_\w+)?|tokens|nodes|translation)\.py"
)
"""Python 2.7's language is pure too, in a room higher up: text in, tree out."""

FORBIDDEN_ON_PURE_FLOORS = frozenset(
    {
        "asyncio",
        "os",
        "random",
        "socket",
        "sqlite3",
        "threading",
        "time",
        "webapp2",
        "webob",
    }
)

ROOMS_OF_GOOGLE = frozenset(
    {"runtime", "compat", "services", "appengine", "python27", "appserver", "cli"}
    | {"data"}
)
"""Who may import Google's SDK; everybody below knows nothing of it."""

DRIVERS = frozenset({"sqlite3", "psycopg", "psycopg_pool"})
"""Databases' drivers: for the store alone."""

ROOMS_THAT_OPEN_STORES = frozenset({"store", "composition"})
"""Everybody else asks by the protocols in contracts/."""

NAMES_OF_CONNECTIONS = frozenset(
    {"Database", "execute", "executemany", "fetchall", "fetchone"}
)
"""What whoever holds a database connection has to write."""

SQL = re.compile(
    r"SELECT\s.+\sFROM\s|INSERT\s.*INTO\s|UPDATE\s\w+\sSET\s|DELETE\sFROM\s"
    r"|CREATE\s(TABLE|INDEX)\s|PRAGMA\s|BEGIN\sIMMEDIATE",
    re.DOTALL,
)


@dataclass(frozen=True)
class Import:
    """One import: where it stands and the dotted name it asks for."""

    path: str
    line: int
    name: str


def place_of(module: str) -> tuple[int, int]:
    """Return floor and room number of a top-level module or package of ours.

    Raises:
        LookupError: the table does not have it.
    """
    for floor, rooms in enumerate(FLOORS):
        for number, room in enumerate(rooms):
            if module in room:
                return floor, number
    raise LookupError(f"{PACKAGE}/{module} stands on no floor: add it to FLOORS")


def modules_of(package: Path) -> Iterator[tuple[str, Path]]:
    """Yield each Python file with the top-level module or package it belongs to."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).parts
        if parts[0] not in DATA_ROOMS:
            yield parts[0].removesuffix(".py"), path


def imports_of(package: Path, path: Path) -> Iterator[Import]:
    """Yield every import of a file, relative ones spelled out."""
    own = (PACKAGE, *path.relative_to(package).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        for name in _names(node, own):
            line = getattr(node, "lineno", 0)
            yield Import(str(path.relative_to(package.parent)), line, name)


def _names(node: ast.AST, own: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = list(own[: len(own) - node.level + 1]) if node.level else []
        base += node.module.split(".") if node.module else []
        return [".".join([*base, alias.name]) for alias in node.names]
    if isinstance(node, ast.Call) and node.args:
        called = ast.unparse(node.func).rpartition(".")[2]
        first = node.args[0]
        if called in ("import_module", "__import__") and isinstance(
            first, ast.Constant
        ):
            return [str(first.value)]
    return []


def complaints(package: Path) -> list[str]:
    """Return a sentence for each import that the floors forbid."""
    found = []
    for module, path in modules_of(package):
        for imported in imports_of(package, path):
            sentence = _complaint(module, imported) or _impurity(package, imported)
            if sentence:
                found.append(f"{imported.path}:{imported.line}: {sentence}")
    return found


def _complaint(module: str, imported: Import) -> str | None:
    floor, room = place_of(module)
    top, _, rest = imported.name.partition(".")
    if top == PACKAGE:
        target = rest.partition(".")[0]
        if target == "store" and module not in ROOMS_THAT_OPEN_STORES:
            return f"{module} may not import {imported.name}: use contracts/store.py"
        return _complaint_about_ours(floor, room, target)
    if floor < PURE_FLOORS and top in FORBIDDEN_ON_PURE_FLOORS:
        return f"floor {floor} may not import {top}"
    if top in DRIVERS and module != "store":
        return f"{module} may not import {top}: ask the store"
    if top == "google" and module not in ROOMS_OF_GOOGLE:
        return f"{module} may not import Google's SDK ({imported.name})"
    return None


def _impurity(package: Path, imported: Import) -> str | None:
    """Return a sentence for what a pure module of a higher room may not import."""
    if not PURE_MODULES.fullmatch(imported.path.partition("/")[2]):
        return None
    top, *rest = imported.name.split(".")
    if top in FORBIDDEN_ON_PURE_FLOORS:
        return f"a pure module may not import {top}"
    if top == PACKAGE and not PURE_MODULES.match("/".join(rest[:2]) + ".py"):
        return f"a pure module may not import {imported.name}"
    return None


def _complaint_about_ours(floor: int, room: int, target: str) -> str | None:
    try:
        target_floor, target_room = place_of(target or "__init__")
    except LookupError:
        # `from channelshim import __version__`: a name of the package itself.
        target_floor, target_room = place_of("__init__")
    if target_floor > floor:
        return f"imports upwards: {target}, floor {target_floor}, from floor {floor}"
    if target_floor == floor and target_room != room:
        return f"imports sideways on floor {floor}: {target}"
    return None


PURE_CORE = re.compile(r"python27/(tokens|nodes|parser\w*|lowering\w*)\.py")
"""The core of a language decides as purely as floors 0 and 1 do."""


def impure_core(package: Path) -> list[str]:
    """Return where the core of python27 imports what pure floors may not."""
    return [
        f"{imported.path}:{imported.line}: {imported.name}"
        for _, path in modules_of(package)
        if PURE_CORE.fullmatch(path.relative_to(package).as_posix())
        for imported in imports_of(package, path)
        if imported.name.partition(".")[0] in FORBIDDEN_ON_PURE_FLOORS
    ]


def test_core_of_python27_is_pure() -> None:
    assert impure_core(ROOT / PACKAGE) == []


def test_impure_core_is_found(tmp_path: Path) -> None:
    names = ["tokens", "parser_base", "lowering", "loading"]
    tree = {f"python27/{name}.py": "import os.path" for name in names}
    found = [line.partition(":")[0] for line in impure_core(_lay(tmp_path, tree))]
    expected = [f"{PACKAGE}/python27/{name}.py" for name in names if name != "loading"]
    assert sorted(found) == sorted(expected)


def test_imports_run_downwards() -> None:
    assert complaints(ROOT / PACKAGE) == []


def database_traces(package: Path) -> list[str]:
    """Return where a room other than the store writes SQL or uses a connection."""
    found = []
    for module, path in modules_of(package):
        if module == "store":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            trace = _database_trace(node)
            if trace:
                line = getattr(node, "lineno", 0)
                found.append(f"{path.relative_to(package.parent)}:{line}: {trace}")
    return found


def _database_trace(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "SQL" if SQL.search(node.value) else None
    name = getattr(node, "attr", None) or getattr(node, "id", None)
    return name if name in NAMES_OF_CONNECTIONS else None


def test_only_the_store_speaks_sql() -> None:
    assert database_traces(ROOT / PACKAGE) == []


@pytest.mark.parametrize(
    "line",
    [
        "x = 'SELECT 1 FROM counter LIMIT 1'",
        "def f(snapshot): snapshot.connection.execute('')",
        "x = f'UPDATE task SET eta = {1}'",
        "def f(database: Database): ...",
    ],
)
def test_sql_outside_the_store_is_found(line: str, tmp_path: Path) -> None:
    package = _lay(tmp_path, {"services/plan.py": line, "store/sql.py": line})
    (trace,) = database_traces(package)
    assert trace.startswith(f"{PACKAGE}/services/plan.py:1:")


def test_every_module_stands_on_a_floor() -> None:
    for module, _ in modules_of(ROOT / PACKAGE):
        assert place_of(module)


BAD_TREE = {
    "errors.py": "import os",
    "contracts/disk.py": "import sqlite3",
    "protocol/up.py": "def f():\n    from channelshim.hub import live",
    "protocol/clock.py": "from time import time",
    "broker/side.py": "from channelshim.store.sqlite.state import SqliteStore",
    "broker/relative.py": "from ..hub import live",
    "broker/sdk.py": "import google.appengine.ext.ndb",
    "store/typed.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import channelshim.server.serve"
    ),
    "hub/dynamic.py": "import importlib\nimportlib.import_module('channelshim.cli')",
    "python27/tokens.py": "import os",
    "python27/parser_words.py": "import channelshim.python27.strings",
    "python27/lowering.py": "from channelshim.compat import legacy_str",
    "services/named.py": "from channelshim import __version__",
    "services/driver.py": "import sqlite3",
    "appserver/driver.py": "from psycopg import Connection",
    "services/store.py": "from channelshim.store.sqlite.entities import SqliteEntities",
    "appserver/store.py": "def f():\n    from channelshim.store import sqlite",
}

GOOD_TREE = {
    "errors.py": "from channelshim import limits",
    "limits.py": "from typing import Final",
    "protocol/frames.py": "from ..contracts.broker import Replay",
    "broker/memory.py": "import threading\nfrom channelshim.protocol import window",
    "python27/lowering_words.py": "from channelshim.python27.nodes import Print",
    "python27/loading.py": "import os",
    "services/datastore.py": "from google.appengine.ext import ndb",
    "cli.py": "from channelshim.composition import doors, settings",
    "composition/doors.py": ("from channelshim.store.sqlite.opening import open_store"),
    "store/sqlite/database.py": "import sqlite3",
    "server/serve.py": "from ..appserver import server\nimport asyncio",
}


def _lay(tmp_path: Path, tree: dict[str, str]) -> Path:
    package = tmp_path / PACKAGE
    for name, text in tree.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return package


@pytest.mark.parametrize("name", sorted(BAD_TREE))
def test_bad_import_is_found(name: str, tmp_path: Path) -> None:
    (sentence,) = complaints(_lay(tmp_path, {name: BAD_TREE[name]}))
    assert sentence.startswith(f"{PACKAGE}/{name}:")


def test_good_imports_are_left_alone(tmp_path: Path) -> None:
    assert complaints(_lay(tmp_path, GOOD_TREE)) == []


def test_unknown_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="attic"):
        complaints(_lay(tmp_path, {"attic/x.py": "import channelshim"}))


# --- What belongs to whom -------------------------------------------------------------

WIRED_ROOMS = frozenset({"composition", "server", "transports"})
"""They build parts and hand them to each other, by constructors alone."""

WRITTEN_FROM_OUTSIDE = {
    "exchange": "the bridge's own, in the same module",
    "waiter": "the poller's own, in the same module",
    "protocol": "the acceptor's own, in the same module",
}
"""Object, or object with attribute, to why it is written from outside."""


def outside_writes(package: Path) -> list[str]:
    """Return where a wired room assigns an attribute of an object that is not self."""
    return [
        f"{path.relative_to(package.parent)}:{target.lineno}: {ast.unparse(target)}"
        for module, path in modules_of(package)
        if module in WIRED_ROOMS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for target in _assigned_attributes(node)
        if ast.unparse(target.value) not in ("self", "cls")
    ]


def _assigned_attributes(node: ast.AST) -> Iterator[ast.Attribute]:
    if isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    else:
        targets = []
    for target in targets:
        # Of `a.b, (c.d, *e.f) = ...` too.
        for part in ast.walk(target):
            is_written = isinstance(getattr(part, "ctx", None), ast.Store)
            if isinstance(part, ast.Attribute) and is_written:
                yield part


def test_parts_are_wired_by_constructors_alone() -> None:
    left = set(WRITTEN_FROM_OUTSIDE)
    for write in outside_writes(ROOT / PACKAGE):
        place, _, target = write.partition(": ")
        reasons = {target, target.rpartition(".")[0]} & WRITTEN_FROM_OUTSIDE.keys()
        assert reasons, write
        assert "/composition/" not in place, write
        left -= reasons
    assert left == set(), "a reason without its case"


@pytest.mark.parametrize(
    "line", ["hub.sender = 1", "a.b.c += 1", "x, (y.z, *rest) = f()", "a.b: int = 1"]
)
def test_outside_write_is_found(line: str, tmp_path: Path) -> None:
    tree = {"composition/parts.py": line, "hub/parts.py": line}
    (write,) = outside_writes(_lay(tmp_path, tree))
    assert write.startswith(f"{PACKAGE}/composition/parts.py:1: ")


SHARED_BY_THE_PROCESS = {
    "appengine/dist/__init__.py": "Google's use_library",
    "appengine/api/channel/channel.py": "ids that were checked; a bounded memory",
    "appengine/ext/webapp/django_settings.py": "Django has one configuration",
    "appengine/ext/webapp/template.py": "Google's register_template_library",
    "appserver/guard.py": "names that were looked at; a bounded memory",
    "appserver/proxies.py": "names that were looked at; a bounded memory",
    "appserver/response_rules.py": "headers that were looked at; a bounded memory",
    "kernel/switching.py": "the interpreter has one switch interval",
    "runtime/variables.py": "names that were looked at; a bounded memory",
    "server/environ.py": "names that were spelled; a bounded memory",
    "server/response_bytes.py": "lines that were built; a bounded memory",
    "transports/stop_signals.py": "a process has one handler for each signal",
}
"""Module to why it changes something at its top level."""

ROOMS_OF_THE_PROCESS = frozenset({"compat", "python27"})
"""They change modules of the process, which are there once."""

CONTAINERS = frozenset(
    {"Counter", "OrderedDict", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary"}
    | {"defaultdict", "deque", "dict", "list", "set"}
)


def shared_state(package: Path) -> set[str]:
    """Return the modules with a `global`, or a container to be filled at run time."""
    return {
        path.relative_to(package).as_posix()
        for module, path in modules_of(package)
        if module not in ROOMS_OF_THE_PROCESS
        and _has_shared_state(ast.parse(path.read_text("utf-8")))
    }


def _has_shared_state(tree: ast.Module) -> bool:
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        return True
    values = [
        node.value
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
    ]
    return any(value is not None and _is_empty_container(value) for value in values)


def _is_empty_container(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    return (
        isinstance(value, ast.Call)
        and not value.args
        and ast.unparse(value.func).rpartition(".")[2] in CONTAINERS
    )


def test_no_module_keeps_what_is_an_instances() -> None:
    assert shared_state(ROOT / PACKAGE) == SHARED_BY_THE_PROCESS.keys()


@pytest.mark.parametrize(
    "text",
    ["_seen: set[str] = set()", "_all = {}", "def f():\n    global x\n    x = 1"],
)
def test_shared_state_is_found(text: str, tmp_path: Path) -> None:
    tree = {"hub/parts.py": text, "compat/parts.py": text, "hub/table.py": "A = {1: 2}"}
    assert shared_state(_lay(tmp_path, tree)) == {"hub/parts.py"}


SUPERVISOR = "kernel/threads.py"
"""What starts there begins again after any failure, and is counted."""

STARTERS = frozenset(
    {"Process", "Thread", "ThreadPoolExecutor", "Timer", "create_task"}
    | {"ensure_future", "start_new_thread"}
)

STARTED_BESIDE = {
    "appserver/login/fetching.py Thread": "one question to a provider; few at once",
    "broker/redis/session.py create_task": "one attempt to connect; logs errors",
    "compat/background_threads.py Thread": "the app starts it, and it is the app's",
    "runtime/log_lines.py Thread": "goes on whatever is raised in it; logs come first",
    "server/listening.py create_task": "one handshake; the table ends it",
    "server/http_connection.py create_task": "logs what it raises, and ends its answer",
    "server/serve.py create_task": "the server itself, run by the supervisor",
    "services/system.py Thread": "the app's; logs whatever it raises, and ends",
    "transports/polling.py ensure_future": "ends with its poll",
}
"""Module and what it starts to why that may be."""


def started_beside(package: Path) -> set[str]:
    """Return where a thread or a task is started without the supervisor."""
    found = set()
    for _, path in modules_of(package):
        name = path.relative_to(package).as_posix()
        if name == SUPERVISOR or name.startswith("python27/stdlib/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            starters = [node.func] if isinstance(node, ast.Call) else []
            starters += node.bases if isinstance(node, ast.ClassDef) else []
            for starter in starters:
                last = ast.unparse(starter).rpartition(".")[2]
                if last in STARTERS:
                    found.add(f"{name} {last}")
    return found


def loops_own_threads(package: Path) -> list[str]:
    """Return where a loop's own executor is used, whose threads nobody watches."""
    found = []
    for _, path in modules_of(package):
        name = path.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            last = ast.unparse(node.func).rpartition(".")[2]
            first = ast.unparse(node.args[0]) if node.args else ""
            is_default = last == "run_in_executor" and first == "None"
            if is_default or last == "to_thread":
                found.append(name)
    return found


def test_no_loop_has_threads_of_its_own() -> None:
    assert loops_own_threads(ROOT / PACKAGE) == []


@pytest.mark.parametrize(
    "line", ["loop.run_in_executor(None, f)", "await_(asyncio.to_thread(f))"]
)
def test_loops_own_thread_is_found(line: str, tmp_path: Path) -> None:
    tree = {"hub/parts.py": line, "hub/fine.py": "loop.run_in_executor(pool, f)"}
    assert loops_own_threads(_lay(tmp_path, tree)) == ["hub/parts.py"]


def test_whatever_lives_on_is_supervised() -> None:
    assert started_beside(ROOT / PACKAGE) == STARTED_BESIDE.keys()


@pytest.mark.parametrize(
    "line",
    [
        "threading.Thread(target=f).start()",
        "def g(loop): loop.create_task(f())",
        "class A(threading.Thread): ...",
    ],
)
def test_thread_beside_the_supervisor_is_found(line: str, tmp_path: Path) -> None:
    tree = {"hub/parts.py": line, SUPERVISOR: line}
    (place,) = started_beside(_lay(tmp_path, tree))
    assert place.startswith("hub/parts.py ")


ROUTING = "transports/routes.py"


def test_one_module_says_which_paths_are_channels() -> None:
    # The handshake and the guard judge a single path each.
    names = {"PATH_JSAPI", "PATH_POLL", "PATH_DEV"}
    places = {
        str(path.relative_to(ROOT / PACKAGE))
        for _, path in modules_of(ROOT / PACKAGE)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in names
    }
    assert places == {ROUTING}


BANNED_MODULE_NAMES = re.compile(r"(utils?|helpers?|common|misc)\.py")


def test_no_module_is_a_drawer() -> None:
    # Google's own names stand in appengine/.
    drawers = [
        path
        for _, path in modules_of(ROOT / PACKAGE)
        if BANNED_MODULE_NAMES.fullmatch(path.name) and "appengine" not in path.parts
    ]
    assert drawers == []
