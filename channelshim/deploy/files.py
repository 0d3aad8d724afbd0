"""The files of each target, from the templates beside this module."""

from __future__ import annotations

import importlib.util
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2

from channelshim.deploy.deployment import Deployment
from channelshim.deploy.quoting import FILTERS
from channelshim.deploy.server_settings import (
    Place,
    app_settings,
    flags_of,
    serve_settings,
)
from channelshim.deploy.wheel import make_wheel, wheel_name

_SUFFIX: Final = "-tpl"
"""Keeps linters away from what is no program yet, as in init_template."""

_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""Where the unit's sandbox has empty folders."""

_SECRETS: Final = "secrets"
"""The folder of compose's secrets."""

_NOT_IN_PROGRAMS: Final = frozenset("\"'\\")
"""What systemd refuses in the path of a program, however it is quoted."""

_CREDENTIAL: Final = "oidc-client-secret"

_LOGIN_PACKAGES: Final = {
    "accounts": (("argon2", "argon2-cffi"),),
    "oidc": (("authlib", "Authlib"), ("joserfc", "joserfc"), ("requests", "requests")),
}
"""Login to the modules that it needs, each with its package."""


@dataclass(frozen=True, slots=True)
class File:
    """One file to write.

    Attributes:
        name: from the output folder, with slashes.
        content: its bytes.
        is_secret: whether only its owner may read it, and nothing replaces it.
    """

    name: str
    content: bytes
    is_secret: bool = False


def make_files(target: str, deployment: Deployment) -> list[File]:
    """Return the files of a target.

    Args:
        target: one of TARGETS.
        deployment: what they are about.

    Raises:
        ConfigurationError: channelshim cannot be packed; for compose alone.
    """
    return _MAKERS[target](deployment)


def steps(target: str, deployment: Deployment, output: Path) -> str:
    """Return what to do with the files: lines for a shell, and comments.

    Args:
        target: one of TARGETS.
        deployment: what they are about.
        output: the folder that they are in.
    """
    return _render(
        f"{target}/steps.txt",
        deployment,
        output=str(output),
        command=" ".join(map(FILTERS["shell"], deployment.command)),
        python=FILTERS["shell"](sys.executable),
        account=deployment.admins[0] if deployment.admins else "ann@example.com",
        place=_container(deployment) if target == "compose" else _machine(deployment),
        missing=[
            package
            for module, package in _LOGIN_PACKAGES.get(deployment.login, ())
            if importlib.util.find_spec(module) is None
        ],
        is_hidden=bool(hidden_folders(deployment)),
    ).decode("utf-8")


def hidden_folders(deployment: Deployment) -> list[str]:
    """Return the folders that the unit needs and its sandbox would hide."""
    needed = {deployment.app_dir, *deployment.own_folders}
    hidden = [
        path
        for path in needed
        if any(path.is_relative_to(folder) for folder in _HIDDEN)
    ]
    # One within another is there with it.
    return sorted(
        str(path) for path in hidden if not any(each in path.parents for each in hidden)
    )


def _machine(deployment: Deployment) -> Place:
    """Return where a server runs that systemd or a person starts."""
    return Place(
        data=f"/var/lib/{deployment.name}",
        cache=f"/var/cache/{deployment.name}",
        proxies="127.0.0.1,::1",
        port=deployment.port,
    )


def _container(deployment: Deployment) -> Place:
    """Return where a server runs in a container.

    Its host name is of no use for the proxy: the address is fixed in the compose file.
    """
    return Place(
        data="/data/store",
        cache="/data/cache",
        proxies=f"{deployment.subnet}.2",
        host="0.0.0.0",
    )


def _render(template: str, deployment: Deployment, **names: Any) -> bytes:
    found = _templates().get_template(template + _SUFFIX)
    return found.render(d=deployment, **names).encode("utf-8")


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("channelshim.deploy"),
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(FILTERS)
    return environment


def _systemd(deployment: Deployment) -> list[File]:
    place = _machine(deployment)
    names = {
        "exec_start": _exec_start(deployment, place),
        "hidden": hidden_folders(deployment),
    }
    files = [
        File(f"{deployment.name}.{ending}", _render(template, deployment, **names))
        for ending, template in (
            ("service", "systemd/unit.service"),
            ("socket", "systemd/unit.socket"),
            ("sysusers.conf", "systemd/sysusers.conf"),
            ("tmpfiles.conf", "systemd/tmpfiles.conf"),
        )
    ]
    if deployment.login == "oidc":
        files.append(File(_CREDENTIAL, b"", is_secret=True))
    return files


def _exec_start(deployment: Deployment, place: Place) -> str:
    """Return the command of the unit, each flag in a line of its own."""
    program, *words = deployment.command
    if set(program) & _NOT_IN_PROGRAMS:
        words = ["-c", 'exec "$0" "$@"', program, *words]
        program = "/bin/sh"
    words += ["serve", str(deployment.app_dir)]
    flags = flags_of(serve_settings(deployment, place))
    quoted = [FILTERS["systemd"](flag) for flag in flags]
    if deployment.login == "oidc":
        # A variable, which must not be quoted as a dollar is.
        folder = "${CREDENTIALS_DIRECTORY}"
        quoted.append(f"--oidc-client-secret-file={folder}/{_CREDENTIAL}")
    head = [FILTERS["systemd_path"](program), *map(FILTERS["systemd"], words)]
    return " \\\n    ".join([" ".join(head), *quoted])


def _gunicorn(deployment: Deployment) -> list[File]:
    place = _machine(deployment)
    settings = app_settings(deployment, place)
    if deployment.login == "oidc":
        settings["oidc_client_secret_file"] = f"/etc/{deployment.name}/{_CREDENTIAL}"
    files = [
        File("wsgi.py", _render("gunicorn/wsgi.py", deployment, settings=settings)),
        File("gunicorn.conf.py", _render("gunicorn/gunicorn.conf.py", deployment)),
    ]
    if deployment.login == "oidc":
        files.append(File(_CREDENTIAL, b"", is_secret=True))
    return files


def _compose(deployment: Deployment) -> list[File]:
    names = {
        "arguments": _arguments(deployment),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "wheel": wheel_name(),
        "extras": ",".join(_extras(deployment)),
        "has_secrets": deployment.grows or deployment.login == "oidc",
    }
    files = [
        File(name, _render(f"compose/{template}", deployment, **names))
        for name, template in (
            ("compose.yaml", "compose.yaml"),
            ("Containerfile", "Containerfile"),
            (".dockerignore", "dockerignore"),
            ("requirements.txt", "requirements.txt"),
            ("Caddyfile", "Caddyfile"),
        )
    ]
    files.append(File(wheel_name(), make_wheel()))
    return [*files, *_compose_secrets(deployment)]


def _arguments(deployment: Deployment) -> str:
    """Return what the container runs by default, as JSON in several lines."""
    flags = flags_of(serve_settings(deployment, _container(deployment)))
    words = ["serve", "/app", *flags]
    return "[" + ", \\\n     ".join(map(FILTERS["json"], words)) + "]"


def _compose_secrets(deployment: Deployment) -> list[File]:
    """Return files of variables, one for each container."""
    app = []
    files = []
    if deployment.login == "oidc":
        app.append("CHANNELSHIM_OIDC_CLIENT_SECRET=")
    if deployment.grows:
        # In hexadecimal: nothing in it has a meaning in a URL or a shell.
        database, broker = secrets.token_hex(24), secrets.token_hex(24)
        app += [
            f"CHANNELSHIM_STORE=postgresql://app:{database}@postgres/app",
            f"CHANNELSHIM_BROKER=redis://:{broker}@redis:6379/0",
        ]
        files += [
            ("postgres", [f"POSTGRES_PASSWORD={database}"]),
            ("redis", [f"REDIS_PASSWORD={broker}"]),
        ]
    if app:
        files.append(("app", app))
    return [
        File(
            f"{_SECRETS}/{name}.env",
            "".join(f"{line}\n" for line in lines).encode("utf-8"),
            is_secret=True,
        )
        for name, lines in files
    ]


def _extras(deployment: Deployment) -> list[str]:
    extras = ["login"]
    if deployment.is_python2:
        extras.append("python27")
    if deployment.grows:
        extras += ["postgres", "redis"]
    return extras


def _proxy(name: str, template: str) -> Callable[[Deployment], list[File]]:
    """Return what makes the one file of a proxy; {} is the app's name."""

    def make(deployment: Deployment) -> list[File]:
        return [File(name.format(deployment.name), _render(template, deployment))]

    return make


_MAKERS: Final[dict[str, Callable[[Deployment], list[File]]]] = {
    "systemd": _systemd,
    "compose": _compose,
    "nginx": _proxy("{}.conf", "nginx/site.conf"),
    "caddy": _proxy("Caddyfile", "caddy/Caddyfile"),
    "haproxy": _proxy("haproxy.cfg", "haproxy/haproxy.cfg"),
    "gunicorn": _gunicorn,
}
