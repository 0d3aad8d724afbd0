"""Every setting, once: keyword arguments, variables, flags and the reference page.

Read once into a frozen dataclass; what stands below the doors gets plain arguments.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from channelshim import limits
from channelshim.broker.kept import WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_TOTAL_BYTES
from channelshim.errors import ConfigurationError
from channelshim.hub.heartbeat import PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS
from channelshim.hub.passes import PASS_PAUSE_SECONDS

PREFIX: Final = "CHANNELSHIM_"

_SERVER: Final = "The server"
_APP: Final = "The app"
_STORE: Final = "The store"
_ACCESS: Final = "Who may do what"
_CHANNELS: Final = "Channels"
_NO_ADMIN_SERVER: Final = "there is no admin server yet, so nothing listens there"

GROUPS: Final = (_SERVER, _APP, _STORE, _ACCESS, _CHANNELS)
"""The headings of the reference page, in its order."""


def _setting(
    default: Any,
    sentence: str,
    group: str,
    *,
    unit: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    is_secret: bool = False,
    why_idle: str = "",
) -> Any:
    """Return a field of Settings; see Setting. A secret is left out of the repr."""
    facts = {
        "help": sentence,
        "group": group,
        "unit": unit,
        "low": low,
        "high": high,
        "why_idle": why_idle,
    }
    if default is dict:
        return dataclasses.field(
            default_factory=lambda: MappingProxyType({}), metadata=facts
        )
    return dataclasses.field(default=default, metadata=facts, repr=not is_secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one server, read-only; docs/reference/settings.md has each.

    `read_settings` makes one of what a user says; what makes one by itself must keep
    to types, choices and bounds.
    """

    # --- The server ---
    host: str = _setting("localhost", "Address to listen on.", _SERVER)
    port: int = _setting(
        8080, "Port to listen on; 0 takes a free one.", _SERVER, low=0, high=65535
    )
    admin_host: str = _setting(
        "localhost",
        "No effect yet: there is no admin server.",
        _SERVER,
        why_idle=_NO_ADMIN_SERVER,
    )
    admin_port: int = _setting(
        8000,
        "No effect yet: there is no admin server.",
        _SERVER,
        low=0,
        high=65535,
        why_idle=_NO_ADMIN_SERVER,
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = _setting(
        "info",
        "Least severe: debug, info, warning, error, critical.",
        _SERVER,
    )
    automatic_restart: bool = _setting(
        True, "Reload when a file of the app changes; the commands only.", _SERVER
    )
    threads: int = _setting(
        0,
        "Worker threads for the app; 0 fits the cores and app.yaml's threadsafe.",
        _SERVER,
        low=0,
        high=1000,
    )
    # --- The app ---
    application: str = _setting(
        "",
        "Application id; empty means app.yaml's, else one made from the folder.",
        _APP,
    )
    cron: bool = _setting(False, "Run the jobs of cron.yaml when they are due.", _APP)
    enable_task_running: bool = _setting(
        True,
        "Run tasks when they are due; no keeps them in the store until it is yes.",
        _APP,
    )
    env_var: Mapping[str, str] = _setting(
        dict,
        "NAME=VALUE for the app's os.environ, above app.yaml's env_variables.",
        _APP,
    )
    python27: Literal["auto", "yes", "no"] = _setting(
        "auto",
        "Read the app's files as Python 2.7; auto asks app.yaml's runtime.",
        _APP,
    )
    python3_files: tuple[str, ...] = _setting(
        (),
        "Globs, from the app's folder, of files that are Python 3 all the same.",
        _APP,
    )
    python27_cache: str = _setting(
        "",
        "Folder for translated code; empty: the user's cache folder; no keeps none.",
        _APP,
    )
    require_inbound_services: bool = _setting(
        False,
        "Report presence only if app.yaml's inbound_services say channel_presence.",
        _APP,
    )
    allow_page_reports: bool = _setting(
        False,
        "Let a page report its own client id disconnected, by its login or token.",
        _APP,
    )
    # --- The store ---
    storage_path: str = _setting(
        "",
        "Folder for data; empty means the user's data folder under the app's id.",
        _STORE,
    )
    clear_datastore: bool = _setting(
        False, "Delete the app's data before starting.", _STORE
    )
    store_synchronous: Literal["normal", "full"] = _setting(
        "normal",
        "normal: what is stored survives kill -9; full: a power cut too, and slower.",
        _STORE,
    )
    require_indexes: bool = _setting(
        False, "Refuse queries whose index index.yaml does not define.", _STORE
    )
    write_index_yaml: bool = _setting(
        True,
        "Add to index.yaml what queries need, below its line AUTOGENERATED; our own "
        "server only.",
        _STORE,
    )
    auto_id_policy: Literal["scattered", "sequential"] = _setting(
        "scattered",
        "How the datastore gives ids to new entities: scattered or sequential.",
        _STORE,
    )
    ndb_memcache: bool = _setting(
        False,
        "Let ndb keep entities in memcache, as on App Engine; slower here.",
        _STORE,
    )
    # --- Who may do what ---
    allow_dev_login: bool = _setting(
        False,
        "Let anybody log in, from beyond this machine too, without a password.",
        _ACCESS,
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "Host names besides this machine's own that a server on loopback answers for.",
        _ACCESS,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses or networks of proxies whose X-Forwarded-For and -Proto count.",
        _ACCESS,
    )
    enforce_secure: bool = _setting(
        False,
        "Redirect as app.yaml's `secure:` says; for those behind a proxy with https.",
        _ACCESS,
    )
    allowed_origins: tuple[str, ...] = _setting(
        (), "Origins besides the server's own whose pages may open channels.", _ACCESS
    )
    signing_secrets: tuple[str, ...] = _setting(
        (),
        "Secrets that sign tokens and cookies, oldest first; empty: the store's own.",
        _ACCESS,
        is_secret=True,
    )
    # --- Channels ---
    grace_seconds: float = _setting(
        limits.GRACE_SECONDS,
        "How long a client may be gone before it counts as disconnected.",
        _CHANNELS,
        unit="seconds",
        low=0,
        high=86400,
    )
    ping_interval_seconds: float = _setting(
        PING_INTERVAL_SECONDS,
        "Time between heartbeats of a WebSocket.",
        _CHANNELS,
        unit="seconds",
        low=0.05,
        high=86400,
    )
    ping_timeout_seconds: float = _setting(
        PING_TIMEOUT_SECONDS,
        "Time after a heartbeat without an answer until the peer counts as dead.",
        _CHANNELS,
        unit="seconds",
        low=0.05,
        high=86400,
    )
    window_messages: int = _setting(
        WINDOW_MESSAGES,
        "Messages kept per client id for pages that come back.",
        _CHANNELS,
        unit="messages",
        low=1,
    )
    window_bytes: int = _setting(
        WINDOW_BYTES,
        "Bytes of messages kept per client id.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    window_total_bytes: int = _setting(
        WINDOW_TOTAL_BYTES,
        "Bytes of messages kept over all client ids.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    pause_seconds: float = _setting(
        PASS_PAUSE_SECONDS,
        "Longest wait of a delivery for handlers that run, which joins writes.",
        _CHANNELS,
        unit="seconds",
        low=0,
        high=60,
    )
    send_buffer_bytes: int = _setting(
        1 << 20,
        "Bytes waiting for one slow reader before it is told to come back.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    send_buffer_total_bytes: int = _setting(
        256 << 20,
        "Bytes waiting for all slow readers together, shared out equally.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field of Settings says about itself.

    Attributes:
        name: keyword argument; upper-cased behind CHANNELSHIM_ the variable; with
            `--` the flag, underscores or dashes.
        type: bool, int, float or str; a tuple of texts, or a dict of them (NAME=VALUE),
            is written with commas.
        default: its value when nobody says anything.
        help: one sentence.
        group: one of GROUPS.
        unit: of a number; "" for none.
        choices: the words that are taken, in any case; empty for any text.
        low: the least number that is taken.
        high: the largest.
        why_idle: why it has no effect yet, for whoever sets it; "" for one that has.
    """

    name: str
    type: type
    default: Any
    help: str
    group: str
    unit: str
    choices: tuple[str, ...]
    low: float
    high: float
    why_idle: str

    @property
    def is_switch(self) -> bool:
        """Whether yes and no, in all their spellings, are among its values."""
        return self.type is bool or "yes" in self.choices


def _describe(field: dataclasses.Field[Any], annotation: Any) -> Setting:
    kind = typing.get_origin(annotation) or annotation
    choices = typing.get_args(annotation) if kind is Literal else ()
    has_default = field.default is not dataclasses.MISSING
    return Setting(
        field.name,
        {Mapping: dict, Literal: str}.get(kind, kind),
        field.default if has_default else {},
        choices=choices,
        **field.metadata,
    )


_ANNOTATIONS = typing.get_type_hints(Settings)

SETTINGS: Final = tuple(
    _describe(field, _ANNOTATIONS[field.name]) for field in dataclasses.fields(Settings)
)
"""Every setting, in the order of the reference page."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_NEXT_PAIR = re.compile(r",(?=\s*[A-Za-z_]\w*=)")

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", ""})


def read_settings(
    arguments: Mapping[str, Any], variables: Mapping[str, str]
) -> Settings:
    """Return the settings: arguments over CHANNELSHIM_* variables over defaults.

    Args:
        arguments: keyword arguments or flags; a None counts as not given.
        variables: the process's environment.

    Raises:
        ConfigurationError: an unknown name, a value of the wrong type, a word that is
            no choice, or a number out of bounds.
    """
    values: dict[str, Any] = {}
    for variable, text in variables.items():
        if variable.startswith(PREFIX):
            setting = _BY_NAME.get(variable[len(PREFIX) :].lower())
            if setting is not None:
                values[setting.name] = parse(setting, text, variable)
            elif not variable.startswith(PREFIX + "TESTS_") and variable != (
                PREFIX + "REQUIRE"
            ):
                raise ConfigurationError(
                    f"there is no setting for {variable}: unset it, or see "
                    "docs/reference/settings.md for the names"
                )
    for name, value in arguments.items():
        if value is None:
            continue
        if name not in _BY_NAME:
            raise ConfigurationError(f"there is no setting {name!r}")
        values[name] = parse(_BY_NAME[name], value, name)
    return Settings(**values)


def idle_sentences(
    arguments: Mapping[str, Any], variables: Mapping[str, str]
) -> list[str]:
    """Return a sentence for each reason why what somebody has set has no effect.

    Args:
        arguments: as those of `read_settings`.
        variables: as those of `read_settings`.
    """
    reasons: dict[str, list[str]] = {}
    for setting in SETTINGS:
        variable = PREFIX + setting.name.upper()
        if not setting.why_idle:
            continue
        if arguments.get(setting.name) is not None:
            reasons.setdefault(setting.why_idle, []).append(setting.name)
        elif variable in variables:
            reasons.setdefault(setting.why_idle, []).append(variable)
    return [
        f"{' and '.join(names)} {'have' if names[1:] else 'has'} no effect: {reason}"
        for reason, names in reasons.items()
    ]


def parse(setting: Setting, value: Any, source: str) -> Any:
    """Return value as the setting's type; texts of variables and flags included.

    Args:
        setting: which one.
        value: from a keyword argument, a variable or a flag.
        source: the name under which the user gave it, for the error.

    Raises:
        ConfigurationError: it cannot be read so, is no choice, or is out of bounds.
    """
    if setting.type is bool:
        return _parse_bool(value, source)
    if setting.type is tuple:
        return _parse_texts(value, source)
    if setting.type is dict:
        return MappingProxyType(_parse_pairs(value, source))
    if setting.type is str:
        return _parse_text(setting, value, source)
    return _parse_number(setting, value, source)


def _parse_number(setting: Setting, value: Any, source: str) -> int | float:
    try:
        # int(3.9) would be 3, and True a number.
        is_number = isinstance(value, (int, str)) or setting.type is float
        if not is_number or isinstance(value, bool):
            raise ValueError
        number: int | float = setting.type(value)
    except (TypeError, ValueError):
        kind = "a whole number" if setting.type is int else "a number"
        raise ConfigurationError(f"{source} must be {kind}, not {value!r}") from None
    # NaN is in no order.
    if not setting.low <= number <= setting.high or math.isinf(number):
        raise ConfigurationError(f"{source} must be {bounds(setting)}, not {value!r}")
    return number


def bounds(setting: Setting) -> str:
    """Return which numbers a setting takes, in words."""
    unit = f" {setting.unit}" if setting.unit else ""
    low, high = f"{setting.low:,.10g}", f"{setting.high:,.10g}"
    if math.isinf(setting.high):
        return f"at least {low}{unit}"
    return f"from {low} to {high}{unit}"


def _parse_text(setting: Setting, value: Any, source: str) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if setting.is_switch and str(value).strip().lower() not in setting.choices:
        try:
            return "yes" if _parse_bool(value, source) else "no"
        except ConfigurationError:
            pass
    if not isinstance(text, str):
        raise ConfigurationError(f"{source} must be text, not {value!r}")
    if not setting.choices:
        return text
    word = text.strip().lower()
    if word not in setting.choices:
        *others, last = setting.choices
        raise ConfigurationError(
            f"{source} must be {', '.join(others)} or {last}, not {value!r}"
        )
    return word


def _parse_texts(value: Any, source: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        texts = tuple(value)
    except TypeError:
        texts = (None,)
    if not all(isinstance(text, str) for text in texts):
        raise ConfigurationError(f"{source} must be several texts, not {value!r}")
    return texts


def _parse_pairs(value: Any, source: str) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    if isinstance(value, str):
        # A comma within a value does not end it, unless NAME= follows.
        value = _NEXT_PAIR.split(value) if value.strip() else ()
    pairs = {}
    for text in value:
        name, equals, rest = text.lstrip().partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{source} must be NAME=VALUE, not {text!r}")
        pairs[name] = rest
    return pairs


def _parse_bool(value: Any, source: str) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE_WORDS:
        return True
    if text in FALSE_WORDS:
        return False
    raise ConfigurationError(f"{source} must be yes or no, not {value!r}")
