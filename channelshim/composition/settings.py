"""Every setting, once: keyword arguments, variables, flags and the reference page.

Read once into a frozen dataclass; what stands below the doors gets plain arguments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from channelshim import limits
from channelshim.broker.kept import WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_TOTAL_BYTES
from channelshim.composition.setting import describe, setting
from channelshim.composition.settings_access import ACCESS, AccessSettings
from channelshim.hub.heartbeat import PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS
from channelshim.hub.passes import PASS_PAUSE_SECONDS

PREFIX: Final = "CHANNELSHIM_"

_SERVER: Final = "The server"
_APP: Final = "The app"
_STORE: Final = "The store"
_CHANNELS: Final = "Channels"
_MAIL: Final = "Mail"

GROUPS: Final = (_SERVER, _APP, _STORE, ACCESS, _CHANNELS, _MAIL)
"""The headings of the reference page, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AccessSettings):
    """The settings of one server, read-only; docs/reference/settings.md has each.

    `read_settings` makes one of what a user says; what makes one by itself must keep
    to types, choices and bounds.
    """

    # --- The server ---
    host: str = setting("localhost", "Address to listen on.", _SERVER)
    port: int = setting(
        8080, "Port to listen on; 0 takes a free one.", _SERVER, low=0, high=65535
    )
    console: bool = setting(
        True, "Serve the console on admin_host and admin_port; our own server.", _SERVER
    )
    admin_host: str = setting(
        "localhost", "Address that the console listens on.", _SERVER
    )
    admin_port: int = setting(
        8000,
        "Port of the console; 0 takes a free one, as by default with --port=0.",
        _SERVER,
        low=0,
        high=65535,
    )
    console_code: bool = setting(
        False, "Let the console run Python in the app, on this machine only.", _SERVER
    )
    ssl_certificate_path: str = setting(
        "",
        "PEM file of a certificate: our own server speaks https on its ports.",
        _SERVER,
    )
    ssl_certificate_key_path: str = setting(
        "", "PEM file of that certificate's private key, without a password.", _SERVER
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = setting(
        "info",
        "Least severe: debug, info, warning, error, critical.",
        _SERVER,
    )
    log_format: Literal["text", "json"] = setting(
        "text",
        "text for people; json: each line an object, with the request's id.",
        _SERVER,
    )
    log_file: str = setting(
        "",
        "File that standard error, with the log, is appended to; it may be rotated.",
        _SERVER,
    )
    automatic_restart: bool = setting(
        True, "Reload when a file of the app changes; the commands only.", _SERVER
    )
    threads: int = setting(
        0,
        "Worker threads for the app; 0 fits the cores and app.yaml's threadsafe.",
        _SERVER,
        low=0,
        high=1000,
    )
    workers: int = setting(
        0,
        "Processes that run the app behind one with the connections; 0: one does all.",
        _SERVER,
        low=0,
        high=1000,
    )
    request_deadline_seconds: float = setting(
        0,
        "Time after which our server ends a handler and answers 500; 0 for never.",
        _SERVER,
        unit="seconds",
        low=0,
        high=86400,
    )
    # --- The app ---
    application: str = setting(
        "",
        "Application id; empty means app.yaml's, else one made from the folder.",
        _APP,
    )
    cron: bool = setting(False, "Run the jobs of cron.yaml when they are due.", _APP)
    enable_task_running: bool = setting(
        True,
        "Run tasks when they are due; no keeps them in the store until it is yes.",
        _APP,
    )
    task_deadline_seconds: float = setting(
        limits.TASK_DEADLINE_SECONDS,
        "Time after which a task or a cron job is told to end; 0 for never.",
        _APP,
        unit="seconds",
        low=0,
        high=86400,
    )
    env_var: Mapping[str, str] = setting(
        dict,
        "NAME=VALUE for the app's os.environ, above app.yaml's env_variables.",
        _APP,
    )
    python27: Literal["auto", "yes", "no"] = setting(
        "auto",
        "Read the app's files as Python 2.7; auto asks app.yaml's runtime.",
        _APP,
    )
    python3_files: tuple[str, ...] = setting(
        (),
        "Globs, from the app's folder, of files that are Python 3 anyway.",
        _APP,
    )
    python27_cache: str = setting(
        "",
        "Folder for translated code; empty: the user's cache folder; no keeps none.",
        _APP,
    )
    require_inbound_services: bool = setting(
        False,
        "Report presence only if app.yaml's inbound_services say channel_presence.",
        _APP,
    )
    allow_page_reports: bool = setting(
        False,
        "Let a page report its own client id disconnected, by its login or token.",
        _APP,
    )
    # --- The store ---
    storage_path: str = setting(
        "",
        "Folder for data; empty means the user's data folder under the app's id.",
        _STORE,
    )
    store: str = setting(
        "",
        "URL of a PostgreSQL database for the data, such as postgresql://host/name; "
        "empty: SQLite in the folder.",
        _STORE,
        is_url=True,
    )
    store_file: str = setting(
        "",
        "File with the same URL, for one with a password.",
        _STORE,
    )
    store_schema: str = setting(
        "",
        "Schema of the PostgreSQL database; empty makes one of the app's id.",
        _STORE,
    )
    store_connections: int = setting(
        0,
        "Connections to PostgreSQL at most; 0 fits the threads.",
        _STORE,
        unit="connections",
        low=0,
        high=10000,
    )
    store_pooler: bool = setting(
        False,
        "Whether PgBouncer in transaction mode is in front of PostgreSQL.",
        _STORE,
    )
    clear_datastore: bool = setting(
        False, "Delete the app's data before starting.", _STORE
    )
    store_synchronous: Literal["normal", "full"] = setting(
        "normal",
        "normal: what is stored survives kill -9; full: a power cut too, and slower.",
        _STORE,
    )
    require_indexes: bool = setting(
        False, "Refuse queries whose index index.yaml does not define.", _STORE
    )
    write_index_yaml: bool = setting(
        True,
        "Add to index.yaml what queries need, below its line AUTOGENERATED; our own "
        "server only.",
        _STORE,
    )
    auto_id_policy: Literal["scattered", "sequential"] = setting(
        "scattered",
        "How the datastore gives ids to new entities: scattered or sequential.",
        _STORE,
    )
    ndb_memcache: bool = setting(
        False,
        "Let ndb keep entities in memcache, as on App Engine; slower here.",
        _STORE,
    )
    memcache: str = setting(
        "",
        "URL of a Redis for memcache, which several servers then share; empty keeps "
        "it in the store.",
        _STORE,
        is_url=True,
    )
    memcache_file: str = setting(
        "",
        "File with the same URL, for one with a password.",
        _STORE,
    )
    # --- Channels ---
    broker: str = setting(
        "",
        "URL of a Redis that several servers share channels through, such as "
        "redis://localhost:6379/0; empty keeps channels in this process.",
        _CHANNELS,
        is_url=True,
    )
    broker_file: str = setting(
        "",
        "File with the same URL, for one with a password.",
        _CHANNELS,
    )
    grace_seconds: float = setting(
        limits.GRACE_SECONDS,
        "How long a client may be gone before it counts as disconnected.",
        _CHANNELS,
        unit="seconds",
        low=0,
        high=86400,
    )
    ping_interval_seconds: float = setting(
        PING_INTERVAL_SECONDS,
        "Time between heartbeats of a WebSocket.",
        _CHANNELS,
        unit="seconds",
        low=0.05,
        high=86400,
    )
    ping_timeout_seconds: float = setting(
        PING_TIMEOUT_SECONDS,
        "Time after a heartbeat without an answer until the peer counts as dead.",
        _CHANNELS,
        unit="seconds",
        low=0.05,
        high=86400,
    )
    window_messages: int = setting(
        WINDOW_MESSAGES,
        "Messages kept per client id for pages that reconnect.",
        _CHANNELS,
        unit="messages",
        low=1,
    )
    window_bytes: int = setting(
        WINDOW_BYTES,
        "Bytes of messages kept per client id.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    window_total_bytes: int = setting(
        WINDOW_TOTAL_BYTES,
        "Memory for the messages kept over all client ids.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    connects_per_minute: int = setting(
        0,
        "Channels that one client address may open; 0: any number.",
        _CHANNELS,
        unit="connects",
        low=0,
        high=1_000_000,
    )
    pause_seconds: float = setting(
        PASS_PAUSE_SECONDS,
        "Longest wait of a delivery for handlers that run, which joins writes.",
        _CHANNELS,
        unit="seconds",
        low=0,
        high=60,
    )
    send_buffer_bytes: int = setting(
        1 << 20,
        "Bytes waiting for one slow page before it is told to reconnect.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )
    send_buffer_total_bytes: int = setting(
        256 << 20,
        "Bytes waiting for all slow readers, HTTP too; above it the slowest are cut.",
        _CHANNELS,
        unit="bytes",
        low=1,
    )

    # --- Mail ---
    smtp_host: str = setting(
        "",
        "SMTP server that takes the app's mail; empty: it is kept and not sent.",
        _MAIL,
    )
    smtp_port: int = setting(
        25, "Port of the SMTP server, such as 587.", _MAIL, low=1, high=65535
    )
    smtp_user: str = setting(
        "", "User to log in as at the SMTP server; empty for no login.", _MAIL
    )
    smtp_password: str = setting("", "Password of that user.", _MAIL, is_secret=True)
    smtp_password_file: str = setting("", "File with the same.", _MAIL)
    smtp_tls: Literal["auto", "starttls", "tls", "no"] = setting(
        "auto",
        "auto: encrypt where the server offers STARTTLS; starttls: always; tls: from "
        "the first byte, as on port 465; no: never.",
        _MAIL,
    )
    enable_sendmail: bool = setting(
        False,
        "Hand mail to this machine's program sendmail, where smtp_host is empty.",
        _MAIL,
    )

    # Not a setting: who said each; a name that is not here has its default.
    origins: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )


SETTINGS: Final = tuple(
    sorted(describe(Settings), key=lambda each: GROUPS.index(each.group))
)
"""Every setting, in the order of the reference page."""
