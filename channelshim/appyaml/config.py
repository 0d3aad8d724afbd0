"""What app.yaml says, as frozen data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PYTHON3: Final = "python3"
"""How the runtimes begin that are no Python 2; any other one is run as python27."""

SCRIPT: Final = "script"
STATIC_DIR: Final = "static_dir"
STATIC_FILES: Final = "static_files"
API_ENDPOINT: Final = "api_endpoint"

NOTHING: Final = ""
"""The target of a handler whose script is not here: it answers 404."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One element of `handlers:`.

    Attributes:
        url: as written.
        kind: SCRIPT, STATIC_DIR, STATIC_FILES or API_ENDPOINT.
        target: the script, the folder, or the file's path; groups as `\\1` in it.
        pattern: matches a whole path.
        login: "optional", "required" or "admin".
        auth_fail_action: "redirect" or "unauthorized".
        secure: "default", "optional", "always" or "never".
        redirect_status: of the redirect that `secure` asks for.
        upload: matches paths of files that static_files may serve, or None.
        mime_type: Content-Type of the static file, or "" to guess.
        expiration_seconds: None means the app's default.
        http_headers: added to a static file's answer.
        is_application_readable: whether the app, too, may read the static file.
        has_fall_through: whether a missing static file leaves the request to the
            handlers below (require_matching_file).
        path: the file it stands in.
        line: its line.
    """

    url: str
    kind: str
    target: str
    pattern: re.Pattern[str]
    login: str = "optional"
    auth_fail_action: str = "redirect"
    secure: str = "default"
    redirect_status: int = 302
    upload: re.Pattern[str] | None = None
    mime_type: str = ""
    expiration_seconds: int | None = None
    http_headers: tuple[tuple[str, str], ...] = ()
    is_application_readable: bool = False
    has_fall_through: bool = False
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class ErrorHandler:
    """One element of `error_handlers:`.

    Attributes:
        error_code: "default", "over_quota", "dos_api_denial" or "timeout".
        file: relative to the app's folder.
        mime_type: "" to guess.
    """

    error_code: str
    file: str
    mime_type: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """One element of `libraries:`."""

    name: str
    version: str = "latest"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something in a file that has no effect here.

    Attributes:
        sentence: what, and what happens instead.
        path: the file.
        line: counted from 1.
    """

    sentence: str
    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class AppConfig:
    """An app.yaml with its includes.

    Attributes:
        path: the file.
        application: the id as written, lower-cased; "" when there is none.
        module: `module:` or `service:`.
        version: `version:`.
        runtime: "python27" and the like.
        is_threadsafe: False makes requests run one after the other.
        handlers: in order of trial.
        default_expiration_seconds: of static files, or None.
        env_variables: `env_variables:`.
        skip_files: a file whose path from the app's folder one of these matches is
            not served.
        libraries: `libraries:`.
        inbound_services: `inbound_services:`.
        builtins: names that are on.
        error_handlers: `error_handlers:`.
        auto_id_policy: "default" or "legacy".
        has_instances: whether its instances stay, by `manual_scaling:` or
            `basic_scaling:`: they hear of their start and their end.
        entrypoint: `entrypoint:`, the command that a runtime of Python 3 is started by.
        warnings: what was ignored.
    """

    path: str = "app.yaml"
    application: str = ""
    module: str = "default"
    version: str = "1"
    runtime: str = "python27"
    is_threadsafe: bool = True
    handlers: tuple[Handler, ...] = ()
    default_expiration_seconds: int | None = None
    env_variables: Mapping[str, str] = field(default_factory=dict)
    skip_files: tuple[re.Pattern[str], ...] = ()
    libraries: tuple[Library, ...] = ()
    inbound_services: tuple[str, ...] = ()
    builtins: tuple[str, ...] = ()
    error_handlers: tuple[ErrorHandler, ...] = ()
    auto_id_policy: str = "default"
    has_instances: bool = False
    entrypoint: str = ""
    warnings: tuple[Notice, ...] = ()

    @property
    def is_python2(self) -> bool:
        """Return whether the app's files are Python 2.7 source."""
        return not self.runtime.startswith(PYTHON3)

    @property
    def static_directories(self) -> tuple[str, ...]:
        """Return the folders of static_dir, from the app's folder."""
        return tuple(
            handler.target for handler in self.handlers if handler.kind == STATIC_DIR
        )
