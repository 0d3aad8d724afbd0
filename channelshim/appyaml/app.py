"""app.yaml, with its includes, to an AppConfig."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Any, Final

from channelshim.appyaml import config
from channelshim.appyaml.config import (
    AppConfig,
    ErrorHandler,
    Handler,
    Library,
    Notice,
)
from channelshim.appyaml.entrypoint import handlers_of_python3
from channelshim.appyaml.handlers import (
    DEFERRED_APPLICATION,
    DEFERRED_PATH,
    parse_handler,
)
from channelshim.appyaml.nodes import Budget, Node, parse_yaml
from channelshim.appyaml.parsing import (
    HEAD,
    parse_choice,
    parse_pattern,
    parse_period,
    parse_switch,
)

MAXIMUM_INCLUDES: Final = 100
"""Files that app.yaml may include, counting includes of includes."""

__all__ = ["AppConfig", "parse_app"]

DEFAULT_SKIP_FILES: Final = (
    r"^(.*/)?#.*#$",
    r"^(.*/)?.*~$",
    r"^(.*/)?.*\.py[co]$",
    r"^(.*/)?.*/RCS/.*$",
    r"^(.*/)?\..*$",
)
"""What App Engine left out of an upload when app.yaml did not say (appinfo.py)."""

_TEXT_KEYS: Final = {
    "application": "application",
    "module": "module",
    "service": "module",
    "version": "version",
    "runtime": "runtime",
    "entrypoint": "entrypoint",
}
_INERT: Final = frozenset(
    """
    admin_console api_config api_version app_engine_apis automatic_scaling
    beta_settings build_env_variables code_lock data_sources
    datastore_auto_id_policy derived_file_type endpoints_api_service engine
    env health_check instance_class liveness_check main
    network nobuild_files pagespeed readiness_check resources
    runtime_config service_account source_language standard_websocket vm
    vm_settings vpc_access_connector zones
    """.split()
)
_INERT_BUILTINS: Final = frozenset(
    """admin_redirect appstats datastore_admin default django_wsgi endpoints_v1_0
    mapreduce remote_api""".split()
)
_ERROR_CODES: Final = ("default", "over_quota", "dos_api_denial", "timeout")
_RUNTIMES: Final = re.compile(r"python(27|3\d*)?")


def parse_app(
    text: str, *, path: str = "app.yaml", read: Callable[[str], str | None]
) -> AppConfig:
    """Return what app.yaml says.

    A key that is not known, and what has no effect here, becomes a warning of the
    result: old files never stop a start for that.

    Args:
        text: of app.yaml.
        path: how errors name it.
        read: returns the text of a file by its path from the app's folder, or None
            when there is none; "folder/include.yaml" is tried for a folder.

    Raises:
        ConfigurationError: no YAML, or a value that cannot be guessed; names file,
            line and key.
    """
    return _Reader(path, read).read_app(text)


class _Reader:
    """Collects one app.yaml and its includes."""

    def __init__(self, path: str, read: Callable[[str], str | None]) -> None:
        self._path = path
        self._read = read
        self._values: dict[str, Any] = {}
        self._head: list[Handler] = []
        self._own: list[Handler] = []
        self._tail: list[Handler] = []
        self._environment: dict[str, str] = {}
        self._skip_files: list[re.Pattern[str]] | None = None
        self._lists: dict[str, list[Any]] = {}
        self._warnings: list[Notice] = []
        self._included: set[str] = set()
        self._budget = Budget()

    def read_app(self, text: str) -> AppConfig:
        root = parse_yaml(text, self._path, self._budget)
        if not root.is_mapping():
            raise root.error(
                "this is not an app.yaml: it must be a mapping of keys to values"
            )
        for key, node in root.pairs("app.yaml"):
            self._take(key, node, is_included=False)
        runtime = self._values.get("runtime", "")
        if not _RUNTIMES.fullmatch(runtime):
            self._warn(root, f"runtime {runtime or '(none)'} is run as python27")
        skip_files = self._skip_files
        if skip_files is None:
            skip_files = [re.compile(pattern) for pattern in DEFAULT_SKIP_FILES]
        self._values["application"] = self._values.get("application", "").lower()
        handlers = (*self._head, *self._own, *self._tail)
        if runtime.startswith(config.PYTHON3):
            command = self._values.get("entrypoint", "")
            handlers = handlers_of_python3(root, handlers, command, self._warn)
        values: dict[str, Any] = {
            key: tuple(parts) for key, parts in self._lists.items()
        }
        values.update(self._values)
        return AppConfig(
            path=self._path,
            handlers=handlers,
            env_variables=self._environment,
            skip_files=tuple(skip_files),
            warnings=tuple(self._warnings),
            **{key: value for key, value in values.items() if value != ""},
        )

    def _warn(self, node: Node, sentence: str) -> None:
        self._warnings.append(Notice(sentence, node.path, node.line))

    def _take(self, key: str, node: Node, *, is_included: bool) -> None:
        if key in _TEXT_KEYS:
            if not is_included:
                self._values[_TEXT_KEYS[key]] = node.text(key).strip()
            return
        take = getattr(self, f"_take_{key}", None)
        if take is not None:
            take(node, is_included)
        elif key not in _INERT:
            self._warn(node, f"{key} is not known and ignored")

    def _take_auto_id_policy(self, node: Node, is_included: bool) -> None:
        policy = parse_choice(node, "auto_id_policy", ("default", "legacy"))
        if not is_included:
            self._values["auto_id_policy"] = policy

    def _take_threadsafe(self, node: Node, is_included: bool) -> None:
        self._values["is_threadsafe"] = parse_switch(node, "threadsafe")

    def _take_manual_scaling(self, node: Node, is_included: bool) -> None:
        self._values["has_instances"] = True

    _take_basic_scaling = _take_manual_scaling

    def _take_default_expiration(self, node: Node, is_included: bool) -> None:
        self._values["default_expiration_seconds"] = parse_period(
            node, "default_expiration"
        )

    def _take_handlers(self, node: Node, is_included: bool) -> None:
        for item in node.items("handlers"):
            parsed = parse_handler(item, self._warn)
            if parsed is None:
                continue
            position, handler = parsed
            if not is_included:
                self._own.append(handler)
            else:
                (self._head if position == "head" else self._tail).append(handler)

    def _take_env_variables(self, node: Node, is_included: bool) -> None:
        for name, value in node.pairs("env_variables"):
            text = value.printed(name)
            if "\0" in text or "\0" in name or "=" in name or not name:
                raise value.error(
                    f"env_variables: {name!r} is not a valid variable name"
                )
            self._environment[name] = text

    def _take_skip_files(self, node: Node, is_included: bool) -> None:
        items = [node] if isinstance(node.value, str) else node.items("skip_files")
        if self._skip_files is None:
            self._skip_files = []
        for item in items:
            # Several lines are one expression.
            text = "".join(item.text("skip_files").splitlines())
            line = Node(item.path, item.line, text)
            self._skip_files.append(parse_pattern(line, "skip_files", HEAD))

    def _take_libraries(self, node: Node, is_included: bool) -> None:
        for item in node.items("libraries"):
            values = {key: value.text(key) for key, value in item.pairs("libraries")}
            if not values.get("name"):
                raise item.error("libraries: a library needs a name")
            library = Library(values["name"], values.get("version") or "latest")
            self._lists.setdefault("libraries", []).append(library)

    def _take_inbound_services(self, node: Node, is_included: bool) -> None:
        for item in node.items("inbound_services"):
            name = item.text("inbound_services")
            self._lists.setdefault("inbound_services", []).append(name)

    def _take_error_handlers(self, node: Node, is_included: bool) -> None:
        for item in node.items("error_handlers"):
            nodes = dict(item.pairs("a handler"))
            values = {key: value.text(key) for key, value in nodes.items()}
            if not values.get("file"):
                raise item.error("error_handlers: an error handler needs a file")
            code = ""
            if "error_code" in nodes:
                code = parse_choice(nodes["error_code"], "error_code", _ERROR_CODES)
            handler = ErrorHandler(
                code or "default", values["file"], values.get("mime_type", "")
            )
            self._lists.setdefault("error_handlers", []).append(handler)

    def _take_builtins(self, node: Node, is_included: bool) -> None:
        for item in node.items("builtins"):
            for name, value in item.pairs("builtins"):
                self._take_builtin(name, value)

    def _take_builtin(self, name: str, node: Node) -> None:
        if not parse_switch(node, f"builtins: {name}"):
            return
        self._lists.setdefault("builtins", []).append(name)
        if name == "deferred":
            self._head.append(deferred_handler(node))
        elif name in _INERT_BUILTINS:
            self._warn(node, f"builtins: {name} has no effect here")
        else:
            self._warn(node, f"builtins: {name} is not known and ignored")

    def _take_includes(self, node: Node, is_included: bool) -> None:
        folder = posixpath.dirname(node.path) if is_included else ""
        for item in node.items("includes"):
            name = item.text("includes").strip()
            if name.startswith("$PYTHON_LIB"):
                self._warn(item, f"includes: {name} has no effect here")
            else:
                self._include(item, posixpath.join(folder, name))

    def _include(self, item: Node, name: str) -> None:
        for path in (name, posixpath.join(name, "include.yaml")):
            path = posixpath.normpath(path)
            text = None if _leaves_folder(path) else self._read(path)
            if text is not None:
                break
        else:
            raise item.error(f"includes: there is no {name} in the app's folder")
        if path in self._included:
            return
        if len(self._included) >= MAXIMUM_INCLUDES:
            raise item.error(f"includes: more than {MAXIMUM_INCLUDES} files")
        self._included.add(path)
        for key, node in parse_yaml(text, path, self._budget).pairs(path):
            self._take(key, node, is_included=True)


def deferred_handler(node: Node) -> Handler:
    """Return the handler that `builtins: - deferred: on` stands for."""
    url = Node(node.path, node.line, DEFERRED_PATH)
    return Handler(
        url=DEFERRED_PATH,
        kind=config.SCRIPT,
        target=DEFERRED_APPLICATION,
        pattern=parse_pattern(url, "url"),
        login="admin",
        path=node.path,
        line=node.line,
    )


def _leaves_folder(path: str) -> bool:
    return path.startswith(("/", "../")) or path == ".."
