"""What the files are written from, and what may not stand in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from channelshim.errors import ConfigurationError

TARGETS: Final = ("systemd", "compose", "nginx", "caddy", "haproxy", "gunicorn")
"""What there are files for."""

LOGINS: Final = ("accounts", "oidc", "dev")
"""Values of the setting `login` that files are written for."""

_SERVERS: Final = frozenset({"systemd", "compose", "gunicorn"})
_PROXIES: Final = frozenset({"nginx", "caddy", "haproxy"})

_OPTIONS: Final = {
    "name": frozenset(TARGETS),
    "domain": frozenset(TARGETS),
    "user": frozenset({"systemd"}),
    "port": frozenset(TARGETS) - {"compose"},
    "login": _SERVERS,
    "admins": _SERVERS,
    "oidc_issuer": _SERVERS,
    "oidc_client_id": _SERVERS,
    "certificate": _PROXIES,
    "certificate_key": _PROXIES - {"haproxy"},
    "grow": frozenset({"compose"}),
}
"""Option to the targets whose files it changes."""

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_FILE: Final = re.compile(r"/[A-Za-z0-9._/+@-]+")
_EMAIL: Final = re.compile(r"[^@\s,]+@[^@\s,]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_RESERVED: Final = frozenset(
    "adm alternatives apache2 apparmor apt backup bin binfmt bluetooth caddy "
    "certs chrony console containerd cron crontab cups daemon dbus default dhcp "
    "docker dpkg environment fonts fstab ftp games getty git gnutls grafana group "
    "gshadow gss haproxy hostname hosts http init initramfs-tools iproute2 issue "
    "java kernel kmem kubernetes ldap letsencrypt lib libvirt localtime log "
    "logrotate lp mail man messagebus misc modprobe modules mysql network "
    "networking news nftables nginx nobody nsswitch nut openvpn operator opt pam "
    "passwd perl php pip pki podman polkit postgres postgresql ppp private "
    "profile prometheus protocols proxy python redis resolv root rpc rsyslog "
    "samba security selinux services shadow shells skel sos ssh sshd ssl subgid "
    "subuid sudo sudoers sync sys sysctl syslog systemctl systemd terminfo "
    "tmpfiles tty udev ufw users uucp vim wheel wireguard wpa-supplicant www-data "
    "xdg yum zfs".split()
)
"""Names that a machine has services or users of, or folders in /etc, /var/lib or
/var/cache, whose modes the files for systemd set."""

LOCAL: Final = "localhost"
"""The domain of a first try, on one machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One app on one server; all texts are without control characters.

    Attributes:
        name: of the app's unit, files and folders: small letters, digits and dashes.
        app_dir: the app's folder, absolute.
        application: the id that the app's data belongs to.
        domain: the host name that people type.
        user: who runs the server.
        port: where the app listens on this machine.
        login: one of LOGINS.
        admins: addresses of the administrators.
        oidc_issuer: of `oidc`, else "".
        oidc_client_id: of `oidc`, else "".
        certificate: PEM file of the proxy's; "" for the proxy's own way.
        certificate_key: PEM file of its private key; "" as above.
        grows: whether PostgreSQL and Redis come along.
        is_python2: whether the app is in Python 2.7.
        has_cron: whether the app has a cron.yaml.
        command: how channelshim is started here.
        own_folders: where channelshim and its Python are, absolute.
        http_port: of the proxy.
        https_port: of the proxy.
    """

    name: str
    app_dir: Path
    application: str
    domain: str = LOCAL
    user: str = ""
    port: int = 8080
    login: str = "accounts"
    admins: tuple[str, ...] = ()
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    certificate: str = ""
    certificate_key: str = ""
    grows: bool = False
    is_python2: bool = True
    has_cron: bool = False
    command: tuple[str, ...] = ("channelshim",)
    own_folders: tuple[Path, ...] = ()
    http_port: int = 80
    https_port: int = 443

    @property
    def subnet(self) -> str:
        """Return how the addresses of its containers begin: three numbers."""
        digest = hashlib.sha256(self.name.encode()).digest()
        return f"10.201.{digest[0]}"


def make_deployment(
    target: str,
    app_dir: Path,
    application: str,
    default_name: str,
    options: Mapping[str, Any],
    **facts: Any,
) -> Deployment:
    """Return what the files are written from.

    Args:
        target: one of TARGETS.
        app_dir: the app's folder.
        application: the id that the app's data belongs to.
        default_name: what its name is made of where no option names it.
        options: by name, as the command's; None for what was not given.
        **facts: further attributes of the deployment.

    Raises:
        ConfigurationError: an option cannot be, or has no effect on this target.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if target not in _OPTIONS[name]:
            raise ConfigurationError(
                f"{_flag(name)} has no effect on the files of {target}: leave it out"
            )
    _check_path(app_dir)
    name = _take_name(given, default_name)
    _check(given)
    login = given.get("login", "accounts")
    _check_together(target, login, given)
    return Deployment(
        name=name,
        app_dir=app_dir,
        application=application,
        domain=given.get("domain", LOCAL),
        user=given.get("user", name),
        port=given.get("port", 8080),
        login=login,
        admins=given.get("admins", ()),
        oidc_issuer=given.get("oidc_issuer", ""),
        oidc_client_id=given.get("oidc_client_id", ""),
        certificate=given.get("certificate", ""),
        certificate_key=given.get("certificate_key", ""),
        grows=given.get("grow", False),
        **facts,
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_path(path: Path) -> None:
    if _CONTROL.search(str(path)):
        raise ConfigurationError(
            f"the path {str(path)!r} has a line break or another character that these "
            "files cannot hold: rename the folder"
        )


def _take_name(given: Mapping[str, Any], default: str) -> str:
    if "name" in given:
        name = str(given["name"])
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise ConfigurationError(
                f"--name must be a name of its own, of at most 31 small letters, "
                f"digits and dashes, not {name!r}"
            )
        return name
    # "s~chat" and "example.com:chat" are ids of App Engine's too.
    name = re.sub(r"[^a-z0-9]+", "-", default.lower().rpartition("~")[2]).strip("-")
    if not _NAME.match(name) or name in _RESERVED:
        name = f"app-{name}".strip("-")
    return name[:31].strip("-")


def _check(given: Mapping[str, Any]) -> None:
    """Refuse what cannot stand in any file."""
    _match(given, "domain", _DOMAIN, "a host name such as chat.example.com")
    _match(given, "user", _USER, "the name of a user of the server")
    for name in ("certificate", "certificate_key"):
        _match(given, name, _FILE, "an absolute path in letters, digits and ._+@-")
    for email in given.get("admins", ()):
        if not _EMAIL.fullmatch(email) or _CONTROL.search(email):
            raise ConfigurationError(
                f"--admins must be addresses, with commas between them, not {email!r}"
            )
    for name in ("oidc_issuer", "oidc_client_id"):
        text = given.get(name, "x")
        if not text or _CONTROL.search(text) or " " in text:
            raise ConfigurationError(
                f"{_flag(name)} must be one word, as the provider has it, not {text!r}"
            )
    if given.get("user") == "root":
        raise ConfigurationError(
            "--user root would give the app every right on the machine: name another "
            "user, or leave it out"
        )


def _match(
    given: Mapping[str, Any], name: str, pattern: re.Pattern[str], form: str
) -> None:
    text = given.get(name)
    if text is not None and not pattern.fullmatch(text):
        raise ConfigurationError(f"{_flag(name)} must be {form}, not {text!r}")


def _check_together(target: str, login: str, given: Mapping[str, Any]) -> None:
    if login == "dev" and target == "compose":
        raise ConfigurationError(
            "--login=dev asks for no password, and a container is reached from outside "
            "of it: choose --login=accounts or --login=oidc"
        )
    oidc = [name for name in ("oidc_issuer", "oidc_client_id") if name in given]
    if login == "oidc" and len(oidc) < 2:
        raise ConfigurationError(
            "--login=oidc needs --oidc-issuer and --oidc-client-id, which the provider "
            "gives you"
        )
    if login != "oidc" and oidc:
        raise ConfigurationError(
            f"{_flag(oidc[0])} has no effect without --login=oidc: add it"
        )
    pair = {"certificate", "certificate_key"} & given.keys()
    if len(pair) == 1 and target != "haproxy":
        raise ConfigurationError(
            "--certificate and --certificate-key need each other: name both files"
        )
