"""What `channelshim doctor --deployment` finds out of a Redis, before a server does.

Figures come from INFO, and from CONFIG where it is allowed. What the user may do is
tried, on keys that nothing else has: what an ACL comes to, nobody can read in it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from channelshim.broker.redis import cache
from channelshim.broker.redis.address import Address
from channelshim.broker.redis.broker import CLUSTER_SHARDS
from channelshim.broker.redis.clients import (
    CALL_SECONDS,
    LEAST_VERSION,
    driver,
    make_client,
    refusals,
    sentinel_of,
)
from channelshim.broker.redis.scripts import load_examination
from channelshim.contracts.examination import (
    ROUND_TRIPS,
    Finding,
    RoundTrip,
    fine,
    note,
    timings,
    wrong,
)
from channelshim.errors import BrokerError

Purpose = Literal["broker", "memcache"]

_SECTIONS: Final = ("server", "replication", "memory", "persistence", "cluster")

_Facts = Mapping[str, Any]


def examine(address: Address, application_id: str, purpose: Purpose) -> list[Finding]:
    """Return what is found of a Redis; the first that is wrong may be the only one.

    Args:
        address: of the Redis.
        application_id: whose keys are tried.
        purpose: what it is to have.

    Raises:
        ConfigurationError: the driver is missing.
    """
    redis = driver()
    found: list[Finding] = []
    try:
        if address.kind == "sentinel":
            found += _sentinels(address)
        client = make_client(address)
        try:
            if address.kind == "cluster":
                found.append(_cluster(client))
            for server in _servers(address, client):
                found += server.findings(purpose)
            found.append(_permissions(address, client, application_id, purpose))
        finally:
            client.close()
    except redis.AuthenticationError as error:
        found.append(wrong("access", f"it does not take the password: {error}"))
    except redis.exceptions.NoPermissionError as error:
        found.append(wrong("permissions", f"this user may not look at it: {error}"))
    except BrokerError as error:
        found.append(wrong("access", f"it cannot be reached: {error}"))
    except refusals() as error:
        found.append(wrong("access", f"it cannot be reached: {error}"))
    return found


@dataclass(frozen=True, slots=True)
class _Server:
    """One server that takes writes.

    Attributes:
        address: as it was named.
        client: asks it.
        targets: how the client is told which one of a cluster.
        name: "" where there is only one.
    """

    address: Address
    client: Any
    targets: dict[str, Any]
    name: str

    def findings(self, purpose: Purpose) -> Iterator[Finding]:
        """Yield what is found of it."""
        facts: dict[str, Any] = {}
        for section in _SECTIONS:
            facts.update(self.client.info(section, **self.targets))
        looks: list[Finding] = [
            _version(facts),
            _role(facts, self.address),
            _memory(facts),
            _policy(facts, purpose),
            _persistence(facts, self._configured, purpose),
            *timings([self._ask_time() for _ in range(ROUND_TRIPS)]),
        ]
        for each in looks:
            sentence = f"{self.name}: {each.sentence}" if self.name else each.sentence
            yield Finding(each.subject, each.verdict, sentence)

    def _configured(self, name: str) -> str | None:
        """Return an option of redis.conf; None where that may not be asked."""
        try:
            options = self.client.config_get(name, **self.targets)
        except driver().ResponseError:
            return None
        found = options.get(name)
        return None if found is None else str(found)

    def _ask_time(self) -> RoundTrip:
        asked_at = time.time()
        seconds, micros = self.client.time(**self.targets)
        return RoundTrip(asked_at, time.time(), seconds + micros / 1e6)


def _servers(address: Address, client: Any) -> list[_Server]:
    if address.kind != "cluster":
        return [_Server(address, client, {}, "")]
    return [
        _Server(address, client, {"target_nodes": node}, f"{node.host}:{node.port}")
        for node in client.get_primaries()
    ]


def _version(facts: _Facts) -> Finding:
    shown = str(facts.get("redis_version", "0"))
    version = tuple(int(part) for part in shown.split(".")[:2] if part.isdecimal())
    name = f"Redis {shown}"
    if "valkey_version" in facts:
        name = f"Valkey {facts['valkey_version']}, which is as Redis {shown}"
    if version < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        return wrong("version", f"{name} is too old: {least} is the least")
    return fine("version", name)


def _role(facts: _Facts, address: Address) -> Finding:
    if facts.get("role") == "slave":
        return wrong(
            "role",
            "it is a replica, which takes no writes: name its master, or the "
            "Sentinels with redis+sentinel://",
        )
    if facts.get("cluster_enabled") and address.kind != "cluster":
        return wrong(
            "role",
            "it is part of a cluster: write redis+cluster:// in place of redis://",
        )
    replicas = int(facts.get("connected_slaves", 0))
    if address.kind != "plain" and not replicas:
        return note("role", "no replica follows it, so nothing can take its place")
    return fine("role", f"it takes writes; {replicas} replicas follow it")


def _memory(facts: _Facts) -> Finding:
    most, used = int(facts.get("maxmemory", 0)), int(facts.get("used_memory", 0))
    shown = f"{used / 2**20:,.0f} MiB in use"
    if not most:
        return note(
            "memory",
            f"{shown} and no maxmemory: set one, or the machine may run out of memory",
        )
    shown = f"{shown} of {most / 2**20:,.0f} MiB"
    if used > 0.9 * most:
        return wrong("memory", f"{shown}: give it more")
    return fine("memory", shown)


def _policy(facts: _Facts, purpose: Purpose) -> Finding:
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    best = "volatile-ttl" if purpose == "broker" else "volatile-lru"
    name = f"maxmemory-policy is {policy}"
    if policy.startswith("allkeys"):
        return wrong(
            "policy", f"{name}, which evicts keys that must stay: set it to {best}"
        )
    if policy == "noeviction":
        if not int(facts.get("maxmemory", 0)):
            return fine("policy", f"{name}, and there is no bound")
        return note(
            "policy",
            f"{name}: once the memory is full nothing is taken any more; {best} makes "
            "room instead",
        )
    if purpose == "broker" and policy != best:
        return note(
            "policy",
            f"{name}, which may drop a new message before an old one: {best} "
            "drops the oldest first",
        )
    if purpose == "memcache" and policy not in (best, "volatile-lfu"):
        return note(
            "policy",
            f"{name}, which drops values that are in use as soon as others: set {best}",
        )
    return fine("policy", name)


def _persistence(
    facts: _Facts, configured: Callable[[str], str | None], purpose: Purpose
) -> Finding:
    subject = "persistence"
    has_file = bool(int(facts.get("aof_enabled", 0)))
    if has_file and facts.get("aof_last_write_status", "ok") != "ok":
        return wrong(
            subject,
            "its append-only file cannot be written, so it refuses writes: its log "
            "says why",
        )
    refuses = configured("stop-writes-on-bgsave-error") != "no"
    if facts.get("rdb_last_bgsave_status", "ok") != "ok" and refuses:
        return wrong(
            subject,
            "its last snapshot failed, so it may refuse writes: its log says why",
        )
    if purpose == "memcache":
        return fine(subject, "memcache needs none")
    if has_file:
        if configured("appendfsync") == "no":
            return note(
                subject,
                "appendfsync is no: a machine that crashes loses what its disk had "
                "not got yet; set everysec",
            )
        return fine(subject, "it has an append-only file")
    if configured("save"):
        return note(
            subject,
            "it has snapshots only: a Redis that ends has lost the messages since the "
            "last one that were not delivered yet; set appendonly yes",
        )
    return note(
        subject,
        "it has none: a Redis that ends has lost what was sent and not delivered yet; "
        "set appendonly yes",
    )


def _sentinels(address: Address) -> Iterator[Finding]:
    """Yield whether the Sentinels answer, know the master and agree on it."""
    redis = driver()
    masters: dict[tuple[str, int], list[str]] = {}
    silent = []
    for (host, port), sentinel in zip(
        address.hosts, sentinel_of(address, CALL_SECONDS).sentinels, strict=True
    ):
        name = f"{host}:{port}"
        try:
            place = sentinel.sentinel_get_master_addr_by_name(address.service)
        except redis.AuthenticationError as error:
            yield wrong(
                "sentinels",
                f"{name} does not take the password ({error}): add or drop "
                "?sentinel_auth=yes",
            )
        except refusals():
            silent.append(name)
        else:
            if place is None:
                yield wrong("sentinels", f"{name} knows no master {address.service}")
            else:
                masters.setdefault(tuple(place), []).append(name)
    if silent:
        names = ", ".join(silent)
        level = note if masters else wrong
        yield level("sentinels", f"{names} cannot be reached")
    if len(masters) > 1:
        yield note("sentinels", "they do not agree on the master: is it failing over?")
    elif masters and not silent:
        yield fine("sentinels", f"all {len(address.hosts)} name the same master")


def _cluster(client: Any) -> Finding:
    facts = client.cluster_info(target_nodes=client.get_default_node())
    state = str(facts.get("cluster_state", "unknown"))
    if state != "ok":
        return wrong(
            "cluster", f"its state is {state}: some keys have no server; see its log"
        )
    return fine("cluster", f"it is whole, of {facts.get('cluster_size')} masters")


def _permissions(
    address: Address, client: Any, application_id: str, purpose: Purpose
) -> Finding:
    """Try everything on keys of the app."""
    tag = application_id.replace("{", "(").replace("}", ")")
    letters, end = ("cs", "e") if purpose == "broker" else ("cm", "g")
    count = CLUSTER_SHARDS if purpose == "broker" else cache.CLUSTER_SHARDS
    refused: dict[str, str] = {}
    for number in range(count if address.kind == "cluster" else 1):
        key = f"{{{letters}:{tag}/{number}}}:{end}"
        refused.update(_refused(client, key, purpose))
    if not refused:
        return fine("permissions", "this user may do all that is needed")
    names = ", ".join(sorted(refused))
    reason = next(iter(refused.values()))
    return wrong(
        "permissions",
        f"refused, and needed on the keys {{{letters}:{tag}/*: {names} ({reason})",
    )


def _refused(client: Any, key: str, purpose: Purpose) -> dict[str, str]:
    """Return what is refused on a shard, and why."""
    refused: dict[str, str] = {}
    script = load_examination()
    word = secrets.token_hex(6)
    own = f"{key[:-2]}:doctor:{word}"

    def attempt(name: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except driver().ResponseError as error:
            refused[name] = str(error)
            return []

    attempt("SCRIPT LOAD", lambda: client.script_load(script.source.decode("utf-8")))
    if not refused:
        digest = script.digest.decode("ascii")
        answer = attempt("EVALSHA", lambda: client.evalsha(digest, 1, key, word))
        words = [each.decode("utf-8", "replace") for each in answer]
        refused.update(zip(words[::2], words[1::2], strict=True))
    if purpose == "broker":
        attempt("XREAD", lambda: client.xread({own: "0-0"}, count=1))
        attempt("XTRIM", lambda: client.xtrim(own, minid="1-1", approximate=False))
        attempt("HLEN", lambda: client.hlen(own))
        attempt("HSCAN", lambda: client.hscan(own))
    else:
        attempt("HMGET", lambda: client.hmget(own, "v"))
        attempt("SCAN", lambda: next(client.scan_iter(own, count=1), None))
    attempt("GET", lambda: client.get(own))
    return refused
