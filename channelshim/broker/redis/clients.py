"""redis-py's clients, made from an address, and what they say of a server.

They serve what happens seldom and in worker threads: checks at the start, what is
asked before the loop runs, pages that show channels, memcache. Messages go through
`link`.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import Any, Final

from channelshim.broker.redis.address import Address
from channelshim.errors import BrokerError, ConfigurationError

CALL_SECONDS: Final = 3.0
"""How long a client waits for an answer, and for a connection."""

START_SECONDS: Final = 5.0
"""How long a server waits at its start for a Redis that is started beside it."""

LEAST_VERSION: Final = (6, 2)
"""From which on there are ZADD, SPOP and XADD as the scripts call them, with MINID."""

_MISSING: Final = (
    "a Redis needs the driver, which is not installed: pip install 'channelshim[redis]'"
)


@dataclass(frozen=True, slots=True)
class Place:
    """One server to connect to.

    Attributes:
        host: name or address; "" for a Unix socket.
        port: of TCP.
        path: of a Unix socket.
    """

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


def driver() -> Any:
    """Return redis-py.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import hiredis  # noqa: F401
        import redis
        import redis.backoff
        import redis.cluster
        import redis.retry
        import redis.sentinel
    except ImportError as error:
        raise ConfigurationError(_MISSING) from error
    return redis


def refusals() -> tuple[type[Exception], ...]:
    """Return what the driver raises where a Redis does not answer, or refuses."""
    redis = driver()
    # Not all of its errors are of one tree.
    return (redis.RedisError, redis.exceptions.RedisClusterException, OSError)


def make_client(address: Address, seconds: float = CALL_SECONDS) -> Any:
    """Return a client with its own pool; it connects when it is first used.

    Args:
        address: of the Redis.
        seconds: for one call, and for connecting.

    Raises:
        ConfigurationError: the driver is missing.
        BrokerError: a cluster cannot be reached.
    """
    redis = driver()
    facts = _facts(address, seconds)
    if address.kind != "cluster":
        # A connection of the pool that Redis has closed meanwhile is made anew.
        facts["retry"] = redis.retry.Retry(redis.backoff.NoBackoff(), 1)
    if address.kind == "sentinel":
        return sentinel_of(address, seconds).master_for(address.service, **facts)
    if address.kind == "cluster":
        nodes = [redis.cluster.ClusterNode(host, port) for host, port in address.hosts]
        del facts["db"]
        try:
            return redis.cluster.RedisCluster(startup_nodes=nodes, **facts)
        except refusals() as error:
            raise BrokerError(f"{address} cannot be used: {error}") from error
    if address.path:
        return redis.Redis(unix_socket_path=address.path, **facts)
    ((host, port),) = address.hosts[:1]
    return redis.Redis(host=host, port=port, **facts)


def _facts(address: Address, seconds: float) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "db": address.database,
        "username": address.username or None,
        "password": address.password or None,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "protocol": 2,
    }
    if address.is_tls:
        facts.update(ssl=True, **address.tls_options())
    return facts


def sentinel_of(address: Address, seconds: float) -> Any:
    """Return redis-py's client of the Sentinels of an address."""
    own: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
    }
    if address.has_sentinel_auth:
        own["username"] = address.username or None
        own["password"] = address.password or None
    if address.is_tls:
        own.update(ssl=True, **address.tls_options())
    return driver().sentinel.Sentinel(list(address.hosts), sentinel_kwargs=own)


class Topology:
    """Knows which server has a key. Any thread; may ask the network.

    Args:
        address: of the Redis.
        client: of a cluster, or None.
    """

    def __init__(self, address: Address, client: Any) -> None:
        self._address = address
        self._client = client if address.kind == "cluster" else None
        self._is_stale = False
        self.is_remote: bool = address.kind != "plain"

    def note_failure(self) -> None:
        """Ask again at the next question: something has moved."""
        self._is_stale = True

    def place_of(self, key: str) -> Place:
        """Return which server has a key now.

        Raises:
            OSError: nobody can say.
        """
        address = self._address
        if address.kind == "plain":
            if address.path:
                return Place("", 0, address.path)
            return Place(*address.hosts[0])
        try:
            if self._client is not None:
                if self._is_stale:
                    self._client.nodes_manager.initialize()
                    self._is_stale = False
                node = self._client.get_node_from_key(key)
                return Place(node.host, node.port)
            host, port = sentinel_of(address, CALL_SECONDS).discover_master(
                address.service
            )
            return Place(host, port)
        except refusals() as error:
            raise OSError(str(error)) from error

    def tls(self) -> ssl.SSLContext | None:
        """Return how a connection is encrypted, or None.

        Raises:
            OSError: a file of the options cannot be read.
        """
        if not self._address.is_tls:
            return None
        options = self._address.tls_options()
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if not options.get("ssl_check_hostname", True):
            context.check_hostname = False
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
        return context


def reach(address: Address, seconds: float = START_SECONDS) -> Any:
    """Return a client of a Redis that can serve.

    Args:
        address: of the Redis.
        seconds: for which one that does not answer is tried again.

    Raises:
        ConfigurationError: it does not answer, or is of the wrong kind.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            client = make_client(address)
            check(address, client)
        except BrokerError as error:
            if time.monotonic() >= deadline:
                raise ConfigurationError(str(error)) from error
            time.sleep(0.2)
        else:
            return client


def check(address: Address, client: Any) -> None:
    """Refuse a Redis that cannot serve.

    Raises:
        ConfigurationError: it is of the wrong kind; one sentence that says what to do.
        BrokerError: it cannot be reached.
    """
    redis = driver()
    try:
        sentence = _complaint(address, client)
    except redis.AuthenticationError as error:
        raise ConfigurationError(
            f"the Redis at {address} does not take the password: {error}"
        ) from error
    except refusals() as error:
        raise BrokerError(f"the Redis at {address} cannot be used: {error}") from error
    if sentence:
        raise ConfigurationError(f"the Redis at {address} {sentence}")


def _complaint(address: Address, client: Any) -> str:
    """Return what is wrong with a server, as the end of a sentence; "" for nothing."""
    targets: dict[str, Any] = {}
    if address.kind == "cluster":
        targets["target_nodes"] = client.get_default_node()
    facts = {}
    for section in ("server", "replication", "memory", "cluster"):
        facts.update(client.info(section, **targets))
    shown = str(facts.get("redis_version", "0"))
    version = tuple(int(part) for part in shown.split(".")[:2] if part.isdecimal())
    policy = str(facts.get("maxmemory_policy", ""))
    if version < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        return f"is too old: it is version {shown}, and {least} is the least"
    if facts.get("role") == "slave":
        return (
            "is a replica, which takes no writes: name its master, or the Sentinels "
            "with redis+sentinel://"
        )
    if facts.get("cluster_enabled") and address.kind != "cluster":
        return "is part of a cluster: write redis+cluster:// in place of redis://"
    if policy.startswith("allkeys"):
        return (
            f"evicts keys that must stay (maxmemory-policy {policy}): set it to "
            "volatile-ttl, which drops the oldest messages first"
        )
    try:
        client.script_load("return cmsgpack.pack({struct.pack('>d', 1)})")
    except driver().ResponseError as error:
        return f"runs no scripts of Lua, which the broker needs: {error}"
    return ""
