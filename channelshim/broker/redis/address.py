"""The URL of a Redis: what a person writes, without its password wherever it shows.

    redis://HOST:PORT/DB                        one server
    rediss://HOST:PORT/DB                       the same through TLS
    redis+unix:///PATH?db=DB                    a server on this machine
    redis+sentinel://HOST:PORT,HOST:PORT/NAME   the master that Sentinels name
    redis+cluster://HOST:PORT,HOST:PORT         a cluster; any of its servers

`rediss+sentinel` and `rediss+cluster` are the same through TLS. A user and a password
stand before the host, as in every URL; with `?sentinel_auth=yes` the Sentinels ask for
the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from channelshim.errors import ConfigurationError

DEFAULT_PORT: Final = 6379
DEFAULT_SENTINEL_PORT: Final = 26379

Kind = Literal["plain", "sentinel", "cluster"]

_KINDS: Final[Mapping[str, tuple[Kind, bool]]] = {
    "redis": ("plain", False),
    "rediss": ("plain", True),
    "redis+unix": ("plain", False),
    "unix": ("plain", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}

_TLS_OPTIONS: Final = frozenset(
    {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
)
"""Of the query, by redis-py's names."""

_OPTIONS: Final = _TLS_OPTIONS | {"db", "sentinel_auth"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Redis is, and how to get in.

    Attributes:
        kind: one server, what Sentinels name, or a cluster.
        hosts: names and ports; of the Sentinels, or of some servers of a cluster.
        path: of a Unix socket; "" for TCP.
        database: its number; 0 on a cluster.
        username: "" for the default user.
        password: "" for none.
        service: what the Sentinels call the master.
        is_tls: whether connections are encrypted.
        options: of TLS and of the Sentinels, by redis-py's names.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...]
    path: str = ""
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    service: str = ""
    is_tls: bool = False
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """Return what may stand in a log: neither user nor password."""
        if self.path:
            return self.path
        hosts = ", ".join(f"{host}:{port}" for host, port in self.hosts)
        if self.kind == "sentinel":
            return f"{self.service} of the Sentinels {hosts}"
        return f"the cluster {hosts}" if self.kind == "cluster" else hosts

    @property
    def has_sentinel_auth(self) -> bool:
        """Return whether the Sentinels ask for user and password too."""
        return _is_yes(self.options.get("sentinel_auth", "no"))

    def tls_options(self) -> dict[str, Any]:
        """Return how the server is proved to be the one that is meant."""
        options: dict[str, Any] = {
            name: text for name, text in self.options.items() if name in _TLS_OPTIONS
        }
        if "ssl_check_hostname" in options:
            options["ssl_check_hostname"] = _is_yes(options["ssl_check_hostname"])
        return options


def parse(url: str, name: str = "broker") -> Address:
    """Return the address of a URL.

    Args:
        url: as above.
        name: of the setting, for the sentence of an error, which never has the URL.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        parts = urlsplit(url)
        kind, is_tls = _KINDS[parts.scheme.lower()]
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except (KeyError, ValueError):
        raise ConfigurationError(
            f"{name} must be the URL of a Redis, such as redis://localhost:6379/0, "
            "rediss://…, redis+sentinel://HOST:PORT/NAME or redis+cluster://HOST:PORT"
        ) from None
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise ConfigurationError(
            f"{name} has an option that is not known: {unknown[0]}; there are "
            f"{', '.join(sorted(_OPTIONS))}"
        )
    return _address(parts, kind, is_tls=is_tls, options=options, name=name)


def _address(
    parts: SplitResult,
    kind: Kind,
    *,
    is_tls: bool,
    options: Mapping[str, str],
    name: str,
) -> Address:
    credentials, _, places = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    words = [unquote(word) for word in parts.path.split("/") if word]
    database, service, path = options.get("db", ""), "", ""
    if parts.scheme.lower().endswith("unix"):
        path = unquote(parts.path)
    elif kind == "sentinel":
        service = words.pop(0) if words else ""
    if not path and words:
        database = words.pop(0)
    port = DEFAULT_SENTINEL_PORT if kind == "sentinel" else DEFAULT_PORT
    hosts = () if path else _hosts(places, port, name)
    sentence = ""
    if database and not database.isdecimal():
        sentence = "the database behind the last slash must be a number"
    elif kind == "sentinel" and not service:
        sentence = (
            "name the master as the Sentinels do: redis+sentinel://HOST:PORT/NAME"
        )
    elif kind == "cluster" and int(database or 0):
        sentence = "a cluster has no databases: leave the number out"
    elif path == "" and not hosts:
        sentence = "it names no host"
    if sentence:
        raise ConfigurationError(f"{name} is not right: {sentence}")
    return Address(
        kind,
        hosts,
        path,
        int(database or 0),
        unquote(username),
        unquote(password),
        service,
        is_tls,
        options,
    )


def _hosts(places: str, port: int, name: str) -> tuple[tuple[str, int], ...]:
    hosts = []
    for place in places.split(","):
        host, colon, number = place.rpartition(":")
        if not colon or number.endswith("]"):
            host, number = place, str(port)
        host = host.strip("[]") or "localhost"
        if not number.isdecimal() or not 0 < int(number) < 1 << 16:
            raise ConfigurationError(
                f"{name} is not right: the port of {host} must be a number from 1 to "
                "65535"
            )
        hosts.append((host, int(number)))
    return tuple(hosts)


def _is_yes(word: str) -> bool:
    return word.lower() not in ("no", "false", "0", "off", "")
