"""What an app's data is made of: records, and how each is spelled in a file of ours.

A record is a letter, facts in JSON and bytes; docs/reference/data-format.md lists them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from channelshim.contracts.identity import User
from channelshim.contracts.store import Account, Password
from channelshim.contracts.tasks import PullTask, Task

_LONG: Final = 1 << 63
"""Whole numbers have 64 bits, as the store's columns."""


class BadRecord(ValueError):
    """A record cannot be read or stored; its text says why."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity.

    Attributes:
        body: an EntityProto as bytes, its key included.
    """

    body: bytes


@dataclass(frozen=True, slots=True)
class Counter:
    """Where the ids of new entities go on.

    Attributes:
        name: "sequential" or "scattered".
        next: the lowest number that nobody has got.
    """

    name: str
    next: int


@dataclass(frozen=True, slots=True)
class PausedQueue:
    """A queue that somebody has paused.

    Attributes:
        queue: its name.
    """

    queue: str


@dataclass(frozen=True, slots=True)
class Blob:
    """The beginning of a blob; its bytes follow as BlobPieces, and nothing between.

    Attributes:
        key: its blob key.
        size: bytes of all its pieces.
    """

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class BlobPiece:
    """Some bytes of the blob that was last begun.

    Attributes:
        data: at least one byte.
    """

    data: bytes


Record: TypeAlias = (
    Entity
    | Counter
    | Task
    | PullTask
    | PausedQueue
    | Account
    | Password
    | Blob
    | BlobPiece
)
"""One record."""

Spelled = tuple[bytes, Mapping[str, Any], bytes]
"""Letter, facts and bytes."""

ENTITY: Final = b"E"
COUNTER: Final = b"C"
TASK: Final = b"T"
PULL_TASK: Final = b"P"
PAUSED: Final = b"Q"
ACCOUNT: Final = b"A"
PASSWORD: Final = b"W"
BLOB: Final = b"B"
PIECE: Final = b"D"

NAMES: Final[Mapping[type, tuple[str, str]]] = {
    Entity: ("entity", "entities"),
    Task: ("task", "tasks"),
    PullTask: ("pull task", "pull tasks"),
    Account: ("account", "accounts"),
    Password: ("password", "passwords"),
    Blob: ("blob", "blobs"),
}
"""Kinds of records that a person counts: one, and several."""


def spell(record: Record) -> Spelled:
    """Return how a record stands in a file."""
    if isinstance(record, Entity):
        return ENTITY, {}, record.body
    if isinstance(record, BlobPiece):
        return PIECE, {}, record.data
    if isinstance(record, Task):
        return TASK, _task_facts(record), record.body
    if isinstance(record, PullTask):
        return PULL_TASK, _pull_task_facts(record), record.body
    return (*_spell_small(record), b"")


def _spell_small(
    record: Counter | PausedQueue | Account | Password | Blob,
) -> tuple[bytes, Mapping[str, Any]]:
    """Return letter and facts of a record without bytes."""
    if isinstance(record, Counter):
        return COUNTER, {"name": record.name, "next": record.next}
    if isinstance(record, PausedQueue):
        return PAUSED, {"queue": record.queue}
    if isinstance(record, Blob):
        return BLOB, {"key": record.key, "size": record.size}
    if isinstance(record, Password):
        return PASSWORD, {
            "email": record.email,
            "hash": record.hash,
            "changed_at": record.changed_at,
        }
    user = record.user
    return ACCOUNT, {
        "email": user.email,
        "user_id": user.user_id,
        "is_admin": user.is_admin,
        "seen_at": record.seen_at,
    }


def _task_facts(task: Task) -> Mapping[str, Any]:
    return {
        "queue": task.queue,
        "name": task.name,
        "eta": task.eta,
        "method": task.method,
        "path": task.path,
        "headers": [list(pair) for pair in task.headers],
        "retry": task.retry,
        "retries": task.retries,
        "first_tried_at": task.first_tried_at,
    }


def _pull_task_facts(task: PullTask) -> Mapping[str, Any]:
    return {
        "queue": task.queue,
        "name": task.name,
        "eta_microseconds": task.eta_microseconds,
        "tag": None if task.tag is None else task.tag.decode("latin-1"),
        "leases": task.leases,
    }


def read(letter: bytes, facts: Mapping[str, Any], body: bytes) -> Record:
    """Return the record that stands in a file; the inverse of `spell`.

    Raises:
        BadRecord: there is no such record, or it lacks a fact.
    """
    reader = _READERS.get(letter)
    if reader is None:
        raise BadRecord(f"there is no kind of record {letter!r}")
    return reader(facts, body)


def _read_counter(facts: Mapping[str, Any], _body: bytes) -> Counter:
    return Counter(text(facts, "name"), whole(facts, "next", low=1))


_RETRY: Final = frozenset(
    {
        "limit",
        "age_limit_seconds",
        "min_backoff_seconds",
        "max_backoff_seconds",
        "max_doublings",
    }
)
"""Names of the numbers that a queue, or a task, says of retries."""


def _read_task(facts: Mapping[str, Any], body: bytes) -> Task:
    retry = facts.get("retry")
    if retry is not None:
        if not isinstance(retry, dict):
            raise BadRecord("its fact 'retry' must be an object or null")
        if not retry.keys() <= _RETRY:
            raise BadRecord("its fact 'retry' has a name that is none of a queue's")
        retry = {key: number(retry, key) for key in retry}
    tried = None
    if facts.get("first_tried_at") is not None:
        tried = number(facts, "first_tried_at")
    return Task(
        queue=name(facts, "queue"),
        name=name(facts, "name"),
        eta=number(facts, "eta"),
        method=text(facts, "method"),
        path=text(facts, "path"),
        headers=_headers(facts.get("headers")),
        body=body,
        retry=retry,
        retries=whole(facts, "retries"),
        first_tried_at=tried,
    )


def _headers(found: object) -> tuple[tuple[str, str], ...]:
    pairs: list[Any] = found if isinstance(found, list) else [None]
    for pair in pairs:
        if not (
            isinstance(pair, list)
            and len(pair) == 2
            and all(isinstance(each, str) for each in pair)
        ):
            raise BadRecord("its fact 'headers' must be a list of pairs of texts")
    return tuple((key, value) for key, value in pairs)


def _read_pull_task(facts: Mapping[str, Any], body: bytes) -> PullTask:
    tag = None
    if facts.get("tag") is not None:
        try:
            tag = text(facts, "tag").encode("latin-1")
        except UnicodeEncodeError:
            raise BadRecord("its fact 'tag' must be bytes, one a character") from None
    return PullTask(
        queue=name(facts, "queue"),
        name=name(facts, "name"),
        eta_microseconds=whole(facts, "eta_microseconds", low=-_LONG),
        body=body,
        tag=tag,
        leases=whole(facts, "leases"),
    )


def _read_paused(facts: Mapping[str, Any], _body: bytes) -> PausedQueue:
    return PausedQueue(name(facts, "queue"))


def _read_account(facts: Mapping[str, Any], _body: bytes) -> Account:
    user = User(
        name(facts, "email"), facts.get("is_admin") is True, text(facts, "user_id")
    )
    return Account(user, number(facts, "seen_at"))


def _read_password(facts: Mapping[str, Any], _body: bytes) -> Password:
    return Password(
        name(facts, "email"), text(facts, "hash"), number(facts, "changed_at")
    )


def _read_blob(facts: Mapping[str, Any], _body: bytes) -> Blob:
    return Blob(name(facts, "key"), whole(facts, "size"))


def _read_piece(_facts: Mapping[str, Any], body: bytes) -> BlobPiece:
    if not body:
        raise BadRecord("a piece of a blob is empty")
    return BlobPiece(body)


_READERS: Final[Mapping[bytes, Callable[[Mapping[str, Any], bytes], Record]]] = {
    ENTITY: lambda _facts, body: Entity(body),
    COUNTER: _read_counter,
    TASK: _read_task,
    PULL_TASK: _read_pull_task,
    PAUSED: _read_paused,
    ACCOUNT: _read_account,
    PASSWORD: _read_password,
    BLOB: _read_blob,
    PIECE: _read_piece,
}


def facts_of(data: bytes) -> dict[str, Any]:
    """Return facts that stand in a file; none for no bytes.

    Raises:
        BadRecord: they are no object in JSON.
    """
    if not data:
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRecord("its facts are no object in JSON")
    return found


def bytes_of(facts: Mapping[str, Any]) -> bytes:
    """Return facts as they stand in a file: JSON in ASCII; nothing for none."""
    return json.dumps(facts).encode("ascii") if facts else b""


def text(facts: Mapping[str, Any], fact: str) -> str:
    """Return a fact that is text which UTF-8 can spell.

    Raises:
        BadRecord: it is not.
    """
    value = facts.get(fact)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            value = None
    if not isinstance(value, str):
        raise BadRecord(f"its fact {fact!r} must be text")
    return value


def name(facts: Mapping[str, Any], fact: str) -> str:
    """Return a fact that is text and not empty; raises as `text`."""
    value = text(facts, fact)
    if not value:
        raise BadRecord(f"its fact {fact!r} is empty")
    return value


def number(facts: Mapping[str, Any], fact: str) -> float:
    """Return a fact that is a number, neither infinite nor NaN.

    Raises:
        BadRecord: it is not.
    """
    value = facts.get(fact)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        found = float(value) if is_number and value is not None else math.nan
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise BadRecord(f"its fact {fact!r} must be a number")
    return found


def whole(facts: Mapping[str, Any], fact: str, *, low: int = 0) -> int:
    """Return a fact that is a whole number of 64 bits, `low` or more.

    Raises:
        BadRecord: it is not.
    """
    value = facts.get(fact)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRecord(f"its fact {fact!r} must be a whole number")
    if not low <= value < _LONG:
        raise BadRecord(f"its fact {fact!r} is out of bounds")
    return value
