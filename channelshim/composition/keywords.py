"""The keyword arguments of install, wrap, application and serve, for type checkers.

`scripts/docs` writes this file from `channelshim/composition/settings.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict


class Keywords(TypedDict, total=False):
    """Each setting by its name; see `Settings`."""

    host: str | os.PathLike[str]
    port: int
    console: bool
    admin_host: str | os.PathLike[str]
    admin_port: int
    console_code: bool
    ssl_certificate_path: str | os.PathLike[str]
    ssl_certificate_key_path: str | os.PathLike[str]
    log_level: Literal["debug", "info", "warning", "error", "critical"]
    log_format: Literal["text", "json"]
    log_file: str | os.PathLike[str]
    automatic_restart: bool
    threads: int
    workers: int
    request_deadline_seconds: float
    application: str | os.PathLike[str]
    cron: bool
    enable_task_running: bool
    task_deadline_seconds: float
    env_var: Mapping[str, str] | str
    python27: Literal["auto", "yes", "no"] | bool
    python3_files: Sequence[str] | str
    python27_cache: str | os.PathLike[str]
    require_inbound_services: bool
    allow_page_reports: bool
    storage_path: str | os.PathLike[str]
    store: str | os.PathLike[str]
    store_file: str | os.PathLike[str]
    store_schema: str | os.PathLike[str]
    store_connections: int
    store_pooler: bool
    clear_datastore: bool
    store_synchronous: Literal["normal", "full"]
    require_indexes: bool
    write_index_yaml: bool
    auto_id_policy: Literal["scattered", "sequential"]
    ndb_memcache: bool
    memcache: str | os.PathLike[str]
    memcache_file: str | os.PathLike[str]
    login: Literal["dev", "proxy-header", "oidc", "accounts"]
    admins: Sequence[str] | str
    login_seconds: float
    login_header: str | os.PathLike[str]
    login_domain: str | os.PathLike[str]
    login_page: str | os.PathLike[str]
    logout_page: str | os.PathLike[str]
    login_assertion_header: str | os.PathLike[str]
    login_assertion_keys_file: str | os.PathLike[str]
    login_assertion_keys_url: str | os.PathLike[str]
    login_assertion_audience: str | os.PathLike[str]
    login_assertion_issuer: str | os.PathLike[str]
    oidc_issuer: str | os.PathLike[str]
    oidc_client_id: str | os.PathLike[str]
    oidc_client_id_file: str | os.PathLike[str]
    oidc_client_secret: str | os.PathLike[str]
    oidc_client_secret_file: str | os.PathLike[str]
    oidc_trust_email: bool
    allow_dev_login: bool
    allowed_hosts: Sequence[str] | str
    trusted_proxies: Sequence[str] | str
    enforce_secure: bool
    allowed_origins: Sequence[str] | str
    signing_secrets: Sequence[str] | str
    signing_secrets_file: str | os.PathLike[str]
    logins_per_minute: int
    metrics_token_file: str | os.PathLike[str]
    broker: str | os.PathLike[str]
    broker_file: str | os.PathLike[str]
    grace_seconds: float
    ping_interval_seconds: float
    ping_timeout_seconds: float
    window_messages: int
    window_bytes: int
    window_total_bytes: int
    connects_per_minute: int
    pause_seconds: float
    send_buffer_bytes: int
    send_buffer_total_bytes: int
    smtp_host: str | os.PathLike[str]
    smtp_port: int
    smtp_user: str | os.PathLike[str]
    smtp_password: str | os.PathLike[str]
    smtp_password_file: str | os.PathLike[str]
    smtp_tls: Literal["auto", "starttls", "tls", "no"]
    enable_sendmail: bool
