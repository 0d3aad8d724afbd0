"""Every setting, once: keyword arguments, variables, flags and the reference page.

Read once into a frozen dataclass; what stands below the doors gets plain arguments.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from channelshim import limits
from channelshim.broker.kept import WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_TOTAL_BYTES
from channelshim.contracts.identity import LOGIN_SECONDS
from channelshim.hub.heartbeat import PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS
from channelshim.hub.passes import PASS_PAUSE_SECONDS

PREFIX: Final = "CHANNELSHIM_"

_SERVER: Final = "The server"
_APP: Final = "The app"
_STORE: Final = "The store"
_ACCESS: Final = "Who may do what"
_CHANNELS: Final = "Channels"
_MAIL: Final = "Mail"

GROUPS: Final = (_SERVER, _APP, _STORE, _ACCESS, _CHANNELS, _MAIL)
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
    is_url: bool = False,
) -> Any:
    """Return a field of Settings; see Setting. What is secret is not in the repr."""
    facts = {
        "help": sentence,
        "group": group,
        "unit": unit,
        "low": low,
        "high": high,
        "is_secret": is_secret,
        "is_url": is_url,
    }
    if default is dict:
        return dataclasses.field(
            default_factory=lambda: MappingProxyType({}), metadata=facts
        )
    is_shown = not (is_secret or is_url)
    return dataclasses.field(default=default, metadata=facts, repr=is_shown)


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
    console: bool = _setting(
        True, "Serve the console on admin_host and admin_port; our own server.", _SERVER
    )
    admin_host: str = _setting(
        "localhost", "Address that the console listens on.", _SERVER
    )
    admin_port: int = _setting(
        8000,
        "Port of the console; 0 takes a free one, as by default with --port=0.",
        _SERVER,
        low=0,
        high=65535,
    )
    console_code: bool = _setting(
        False, "Let the console run Python in the app, on this machine only.", _SERVER
    )
    ssl_certificate_path: str = _setting(
        "",
        "PEM file of a certificate: our own server speaks https on its ports.",
        _SERVER,
    )
    ssl_certificate_key_path: str = _setting(
        "", "PEM file of that certificate's private key, without a password.", _SERVER
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = _setting(
        "info",
        "Least severe: debug, info, warning, error, critical.",
        _SERVER,
    )
    log_format: Literal["text", "json"] = _setting(
        "text",
        "text for people; json: each line an object, with the request's id.",
        _SERVER,
    )
    log_file: str = _setting(
        "",
        "File that standard error, with the log, is appended to; it may be rotated.",
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
    workers: int = _setting(
        0,
        "Processes that run the app behind one with the connections; 0: one does all.",
        _SERVER,
        low=0,
        high=1000,
    )
    request_deadline_seconds: float = _setting(
        0,
        "Time after which our server ends a handler and answers 500; 0 for never.",
        _SERVER,
        unit="seconds",
        low=0,
        high=86400,
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
    task_deadline_seconds: float = _setting(
        limits.TASK_DEADLINE_SECONDS,
        "Time after which a task or a cron job is told to end; 0 for never.",
        _APP,
        unit="seconds",
        low=0,
        high=86400,
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
        "Globs, from the app's folder, of files that are Python 3 anyway.",
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
    store: str = _setting(
        "",
        "URL of a PostgreSQL database for the data, such as postgresql://host/name; "
        "empty: SQLite in the folder.",
        _STORE,
        is_url=True,
    )
    store_file: str = _setting(
        "",
        "File with the same URL, for one with a password.",
        _STORE,
    )
    store_schema: str = _setting(
        "",
        "Schema of the PostgreSQL database; empty makes one of the app's id.",
        _STORE,
    )
    store_connections: int = _setting(
        0,
        "Connections to PostgreSQL at most; 0 fits the threads.",
        _STORE,
        unit="connections",
        low=0,
        high=10000,
    )
    store_pooler: bool = _setting(
        False,
        "Whether PgBouncer in transaction mode is in front of PostgreSQL.",
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
    memcache: str = _setting(
        "",
        "URL of a Redis for memcache, which several servers then share; empty keeps "
        "it in the store.",
        _STORE,
        is_url=True,
    )
    memcache_file: str = _setting(
        "",
        "File with the same URL, for one with a password.",
        _STORE,
    )
    # --- Who may do what ---
    login: Literal["dev", "proxy-header", "oidc", "accounts"] = _setting(
        "dev",
        "How people log in: dev asks for no proof; proxy-header believes a proxy, oidc "
        "asks an OpenID provider, accounts asks for a password.",
        _ACCESS,
    )
    admins: tuple[str, ...] = _setting(
        (),
        "Addresses of the administrators, for every login but dev; case is ignored.",
        _ACCESS,
    )
    login_seconds: float = _setting(
        LOGIN_SECONDS,
        "Time after which a person has to log in again.",
        _ACCESS,
        unit="seconds",
        low=60,
        high=365 * 86400,
    )
    login_header: str = _setting(
        "X-Forwarded-Email",
        "For proxy-header: the header with the address of who has logged in.",
        _ACCESS,
    )
    login_domain: str = _setting(
        "",
        "For proxy-header: what comes behind the @ of a name without one.",
        _ACCESS,
    )
    login_page: str = _setting(
        "",
        "For proxy-header: the proxy's login page; {url} becomes where to go on.",
        _ACCESS,
    )
    logout_page: str = _setting(
        "",
        "For proxy-header: the proxy's logout page; {url} becomes where to go on.",
        _ACCESS,
    )
    login_assertion_header: str = _setting(
        "",
        "For proxy-header: header with a signed JWT, whose email is believed instead.",
        _ACCESS,
    )
    login_assertion_keys_file: str = _setting(
        "",
        "File of the keys that sign it: a JWK set, or one public key in PEM.",
        _ACCESS,
    )
    login_assertion_keys_url: str = _setting(
        "", "The same by an https URL, for a JWK set.", _ACCESS
    )
    login_assertion_audience: str = _setting(
        "", "The audience that it must name: this app's.", _ACCESS
    )
    login_assertion_issuer: str = _setting(
        "", "The issuer that it must name; empty for any that has the keys.", _ACCESS
    )
    oidc_issuer: str = _setting(
        "",
        "For oidc: URL of the provider, as its discovery document names it.",
        _ACCESS,
    )
    oidc_client_id: str = _setting(
        "", "For oidc: the client id that the provider gave this app.", _ACCESS
    )
    oidc_client_id_file: str = _setting("", "File with the same.", _ACCESS)
    oidc_client_secret: str = _setting(
        "", "For oidc: the client secret.", _ACCESS, is_secret=True
    )
    oidc_client_secret_file: str = _setting("", "File with the same.", _ACCESS)
    oidc_trust_email: bool = _setting(
        False,
        "For oidc: believe addresses that the provider does not call verified.",
        _ACCESS,
    )
    allow_dev_login: bool = _setting(
        False,
        "Let anybody log in, from beyond this machine too, without a password.",
        _ACCESS,
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "Host names, besides this machine's own, that are answered; * means all.",
        _ACCESS,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses or networks of proxies whose X-Forwarded-For and -Proto count.",
        _ACCESS,
    )
    enforce_secure: bool = _setting(
        False,
        "Redirect as app.yaml's `secure:` says; for servers behind a proxy with https.",
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
    signing_secrets_file: str = _setting(
        "",
        "File with the same, one secret a line.",
        _ACCESS,
    )
    logins_per_minute: int = _setting(
        60,
        "Requests of the login's pages that one client address may make; 0: any.",
        _ACCESS,
        unit="requests",
        low=0,
        high=1_000_000,
    )
    metrics_token_file: str = _setting(
        "",
        "File with a token that opens /metrics and /_ah/health of the console's port.",
        _ACCESS,
    )
    # --- Channels ---
    broker: str = _setting(
        "",
        "URL of a Redis that several servers share channels through, such as "
        "redis://localhost:6379/0; empty keeps channels in this process.",
        _CHANNELS,
        is_url=True,
    )
    broker_file: str = _setting(
        "",
        "File with the same URL, for one with a password.",
        _CHANNELS,
    )
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
        "Messages kept per client id for pages that reconnect.",
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
        "Memory for the messages kept over all client ids.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    connects_per_minute: int = _setting(
        0,
        "Channels that one client address may open; 0: any number.",
        _CHANNELS,
        unit="connects",
        low=0,
        high=1_000_000,
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
        "Bytes waiting for one slow page before it is told to reconnect.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    send_buffer_total_bytes: int = _setting(
        256 << 20,
        "Bytes waiting for all slow readers, HTTP too; above it the slowest are cut.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )

    # --- Mail ---
    smtp_host: str = _setting(
        "",
        "SMTP server that takes the app's mail; empty: it is kept and not sent.",
        _MAIL,
    )
    smtp_port: int = _setting(
        25, "Port of the SMTP server, such as 587.", _MAIL, low=1, high=65535
    )
    smtp_user: str = _setting(
        "", "User to log in as at the SMTP server; empty for no login.", _MAIL
    )
    smtp_password: str = _setting("", "Password of that user.", _MAIL, is_secret=True)
    smtp_password_file: str = _setting("", "File with the same.", _MAIL)
    smtp_tls: Literal["auto", "starttls", "tls", "no"] = _setting(
        "auto",
        "auto: encrypt where the server offers STARTTLS; starttls: always; tls: from "
        "the first byte, as on port 465; no: never.",
        _MAIL,
    )
    enable_sendmail: bool = _setting(
        False,
        "Hand mail to this machine's program sendmail, where smtp_host is empty.",
        _MAIL,
    )

    # Not a setting: who said each; a name that is not here has its default.
    origins: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
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
        is_secret: whether it may not stand on a command line, which every user of the
            machine can read.
        is_url: whether that holds for the password in it, if it has one.
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
    is_secret: bool
    is_url: bool

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
    _describe(field, _ANNOTATIONS[field.name])
    for field in dataclasses.fields(Settings)
    if field.metadata
)
"""Every setting, in the order of the reference page."""
