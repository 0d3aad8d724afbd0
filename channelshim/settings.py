"""Every setting, once: keyword arguments, variables, flags and the reference page.

Read once into a frozen object; what stands below the doors gets plain arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channelshim import limits
from channelshim.errors import ConfigurationError

PREFIX = "CHANNELSHIM_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        name: keyword argument; upper-cased behind CHANNELSHIM_ the variable; with
            `--` the flag, underscores or dashes.
        type: bool, int, float or str; a tuple of texts, or a dict of them (NAME=VALUE),
            is written with commas.
        default: its value when nobody says anything.
        help: one sentence, with the unit.
        why_idle: why it has no effect yet, for whoever sets it; "" for one that has.
    """

    name: str
    type: type
    default: Any
    help: str
    why_idle: str = ""


_NO_ADMIN_SERVER = "there is no admin server yet, so nothing listens there"

SETTINGS = (
    Setting("host", str, "localhost", "Address to listen on."),
    Setting("port", int, 8080, "Port to listen on; 0 takes a free one."),
    Setting(
        "admin_host",
        str,
        "localhost",
        "No effect yet: there is no admin server.",
        _NO_ADMIN_SERVER,
    ),
    Setting(
        "admin_port",
        int,
        8000,
        "No effect yet: there is no admin server.",
        _NO_ADMIN_SERVER,
    ),
    Setting(
        "storage_path",
        str,
        "",
        "Folder for data; empty means the user's data folder under the app's id.",
    ),
    Setting("clear_datastore", bool, False, "Delete the app's data before starting."),
    Setting(
        "store_synchronous",
        str,
        "normal",
        "normal: what is stored survives kill -9; full: a power cut too, and slower.",
    ),
    Setting(
        "require_indexes",
        bool,
        False,
        "Refuse queries whose index index.yaml does not define.",
    ),
    Setting(
        "auto_id_policy",
        str,
        "scattered",
        "How the datastore gives ids to new entities: scattered or sequential.",
    ),
    Setting(
        "ndb_memcache",
        bool,
        False,
        "Let ndb keep entities in memcache, as on App Engine; slower here.",
    ),
    Setting(
        "log_level", str, "info", "Least severe: debug, info, warning, error, critical."
    ),
    Setting(
        "application",
        str,
        "",
        "Application id; empty means app.yaml's, else one made from the folder.",
    ),
    Setting(
        "automatic_restart",
        bool,
        True,
        "Reload when a file of the app changes; the commands only.",
    ),
    Setting("cron", bool, False, "Run the jobs of cron.yaml when they are due."),
    Setting(
        "enable_task_running",
        bool,
        True,
        "Run tasks when they are due; no keeps them in the store until it is yes.",
    ),
    Setting(
        "env_var",
        dict,
        {},
        "NAME=VALUE for the app's os.environ, above app.yaml's env_variables.",
    ),
    Setting(
        "allow_dev_login",
        bool,
        False,
        "Let anybody log in, from beyond this machine too, without a password.",
    ),
    Setting(
        "allowed_hosts",
        tuple,
        (),
        "Host names besides this machine's own that a server on loopback answers for.",
    ),
    Setting(
        "trusted_proxies",
        tuple,
        (),
        "Addresses or networks of proxies whose X-Forwarded-For and -Proto count.",
    ),
    Setting(
        "enforce_secure",
        bool,
        False,
        "Redirect as app.yaml's `secure:` says; for those behind a proxy with https.",
    ),
    Setting(
        "threads",
        int,
        0,
        "Worker threads for the app; 0 fits the cores and app.yaml's threadsafe.",
    ),
    Setting(
        "grace_seconds",
        float,
        limits.GRACE_SECONDS,
        "How long a client may be gone before it counts as disconnected.",
    ),
    Setting(
        "ping_interval_seconds",
        float,
        limits.PING_INTERVAL_SECONDS,
        "Time between heartbeats of a WebSocket.",
    ),
    Setting(
        "ping_timeout_seconds",
        float,
        limits.PING_TIMEOUT_SECONDS,
        "Time after a heartbeat without an answer until the peer counts as dead.",
    ),
    Setting(
        "require_inbound_services",
        bool,
        False,
        "Report presence only if app.yaml's inbound_services say channel_presence.",
    ),
    Setting(
        "allow_page_reports",
        bool,
        False,
        "Let a page report its own client id disconnected, by its login or token.",
    ),
    Setting(
        "window_messages",
        int,
        limits.WINDOW_MESSAGES,
        "Messages kept per client id for pages that come back.",
    ),
    Setting(
        "window_bytes",
        int,
        limits.WINDOW_BYTES,
        "Bytes of messages kept per client id.",
    ),
    Setting(
        "window_total_bytes",
        int,
        limits.WINDOW_TOTAL_BYTES,
        "Bytes of messages kept over all client ids.",
    ),
    Setting(
        "pause_seconds",
        float,
        limits.PASS_PAUSE_SECONDS,
        "Longest wait of a delivery for handlers that run, which joins writes.",
    ),
    Setting(
        "send_buffer_bytes",
        int,
        limits.SEND_BUFFER_BYTES,
        "Bytes waiting for one slow reader before it is told to come back.",
    ),
    Setting(
        "send_buffer_total_bytes",
        int,
        limits.SEND_BUFFER_TOTAL_BYTES,
        "Bytes waiting for all slow readers together, shared out equally.",
    ),
    Setting(
        "allowed_origins",
        tuple,
        (),
        "Origins besides the server's own whose pages may open channels.",
    ),
    Setting(
        "signing_secrets",
        tuple,
        (),
        "Secrets that sign tokens and cookies, oldest first; empty: the store's own.",
    ),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_NEXT_PAIR = re.compile(r",(?=\s*[A-Za-z_]\w*=)")

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", ""})


class Settings:
    """The settings of one server, read-only; one attribute for each row.

    Args:
        values: of all rows, by name.
        sources: of the rows that somebody has set: name to how it was written there.
    """

    def __init__(
        self, values: Mapping[str, Any], sources: Mapping[str, str] | None = None
    ) -> None:
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_sources", dict(sources or {}))

    def idle(self) -> list[str]:
        """Return a sentence for each reason why what somebody has set does nothing."""
        names: dict[str, list[str]] = {}
        for setting in SETTINGS:
            if setting.why_idle and setting.name in self._sources:
                source = self._sources[setting.name]
                names.setdefault(setting.why_idle, []).append(source)
        return [
            f"{' and '.join(sources)} {'have' if sources[1:] else 'has'} no effect: "
            f"{reason}"
            for reason, sources in names.items()
        ]

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("settings are read once and do not change")

    def __repr__(self) -> str:
        return f"Settings({self._values!r})"


def read_settings(
    arguments: Mapping[str, Any], variables: Mapping[str, str]
) -> Settings:
    """Return the settings: arguments over CHANNELSHIM_* variables over defaults.

    Args:
        arguments: keyword arguments or flags; a None counts as not given.
        variables: the process's environment.

    Raises:
        ConfigurationError: an unknown name, or a value of the wrong type.
    """
    values = {setting.name: setting.default for setting in SETTINGS}
    sources: dict[str, str] = {}
    for variable, text in variables.items():
        if variable.startswith(PREFIX):
            setting = _BY_NAME.get(variable[len(PREFIX) :].lower())
            if setting is not None:
                values[setting.name] = parse(setting, text, variable)
                sources[setting.name] = variable
            elif not variable.startswith(PREFIX + "TESTS_") and variable != (
                PREFIX + "REQUIRE"
            ):
                raise ConfigurationError(f"there is no setting for {variable}")
    for name, value in arguments.items():
        if value is None:
            continue
        if name not in _BY_NAME:
            raise ConfigurationError(f"there is no setting {name!r}")
        values[name] = parse(_BY_NAME[name], value, name)
        sources[name] = name
    return Settings(values, sources)


def parse(setting: Setting, value: Any, said_as: str) -> Any:
    """Return value as the setting's type; texts of variables and flags included.

    Raises:
        ConfigurationError: it cannot be read so; names `said_as`.
    """
    if setting.type is bool:
        return _parse_bool(value, said_as)
    if setting.type is tuple:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return tuple(value)
    if setting.type is dict:
        return _parse_pairs(value, said_as)
    try:
        return setting.type(value)
    except (TypeError, ValueError):
        kind = {int: "a whole number", float: "a number"}.get(setting.type, "text")
        raise ConfigurationError(f"{said_as} must be {kind}, not {value!r}") from None


def _parse_pairs(value: Any, said_as: str) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    if isinstance(value, str):
        # A comma of a value's own is no end, unless NAME= follows it.
        value = _NEXT_PAIR.split(value) if value.strip() else ()
    pairs = {}
    for text in value:
        name, equals, rest = text.lstrip().partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{said_as} must be NAME=VALUE, not {text!r}")
        pairs[name] = rest
    return pairs


def _parse_bool(value: Any, said_as: str) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE_WORDS:
        return True
    if text in FALSE_WORDS:
        return False
    raise ConfigurationError(f"{said_as} must be yes or no, not {value!r}")
