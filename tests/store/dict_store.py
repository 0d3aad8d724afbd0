"""The store contract over plain dicts: slow, and right at a glance.

It proves the seam: what runs over SQLite and over this knows nothing of either. A
write copies all tables and puts the copy in their place when it is done, so a snapshot
is nothing but the tables of its moment, and what failed has changed nothing. There are
no index rows: a scan makes those of every entity and sorts them.
"""

from __future__ import annotations

import dataclasses
import math
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from channelshim import limits
from channelshim.contracts.cache import Entry
from channelshim.contracts.entities import (
    Applied,
    Conflict,
    EntityKey,
    Group,
    Index,
    KeyTaken,
    KindSize,
    ValuesOf,
    Write,
)
from channelshim.contracts.identity import folded
from channelshim.contracts.index_definitions import IndexDefinition, TooManyIndexRows
from channelshim.contracts.scan import Position, Row, Scan
from channelshim.contracts.status import Status
from channelshim.contracts.store import Account, Password, RollCall, Store
from channelshim.contracts.tasks import (
    Added,
    LeaseState,
    ListedTask,
    NewTask,
    PullTask,
    QueueRule,
    QueueStatistics,
    Task,
)
from channelshim.errors import StorageError
from channelshim.store import bounds
from tests.store.dict_mails import DictMail, DictMails
from tests.store.dict_search import DictSearchIndexes, SearchTables

Name = tuple[str, str]
"""A task's queue and name."""


@dataclass
class Tables:
    """Everything; a dict's values are never changed in place."""

    kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    entities: dict[tuple[int, bytes], tuple[int, bytes]] = field(default_factory=dict)
    indexes: dict[tuple[int, IndexDefinition], Index] = field(default_factory=dict)
    groups: dict[Group, tuple[int, int]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    tasks: dict[Name, Task] = field(default_factory=dict)
    leases: dict[Name, tuple[float, str]] = field(default_factory=dict)
    pull_tasks: dict[Name, PullTask] = field(default_factory=dict)
    paused: dict[str, None] = field(default_factory=dict)
    resting: dict[Name, float] = field(default_factory=dict)
    cache: dict[tuple[str, bytes], Entry] = field(default_factory=dict)
    secrets: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    ended_logins: dict[str, float] = field(default_factory=dict)
    passwords: dict[str, Password] = field(default_factory=dict)
    attempts: dict[str, tuple[float, ...]] = field(default_factory=dict)
    connected: dict[str, None] = field(default_factory=dict)
    windows: dict[str, bytes] = field(default_factory=dict)
    search: dict[str, SearchTables] = field(default_factory=dict)
    mails: dict[int, DictMail] = field(default_factory=dict)
    imports: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> Tables:
        names = [each.name for each in dataclasses.fields(self)]
        return Tables(**{name: dict(getattr(self, name)) for name in names})


class Disk:
    """What outlives the stores that open it.

    `refusal`, when it is set, is raised by every write at its end, like a full disk.
    """

    def __init__(self) -> None:
        self.tables = Tables()
        self.lock = threading.RLock()
        self.refusal: StorageError | None = None

    @contextmanager
    def write(self) -> Iterator[Tables]:
        with self.lock:
            tables = self.tables.copy()
            yield tables
            if self.refusal is not None:
                raise self.refusal
            self.tables = tables


class DictStore:
    """One opened store."""

    def __init__(
        self,
        disk: Disk,
        values_of: ValuesOf = lambda body: {},
        *,
        clock: Callable[[], float] = time.time,
        cache_bytes: int = bounds.CACHE_BYTES,
    ) -> None:
        self._disk = disk
        self._is_closed = False
        self.entities = DictEntities(self, values_of, clock)
        self.tasks = DictTasks(self)
        self.pull_tasks = DictPullTasks(self)
        self.cache = DictCache(self, clock, cache_bytes)
        self.search = DictSearchIndexes(self.read, self.write)
        self.accounts = DictAccounts(self)
        self.passwords = DictPasswords(self)
        self.secrets = DictSecrets(self)
        self.journal = DictJournal(self)
        self.data = DictData(self, values_of)
        self.cron = None
        self.blobs = None
        self.mails = DictMails(self.read, self.write)

    def read(self) -> Tables:
        if self._is_closed:
            raise StorageError("the store is closed")
        return self._disk.tables

    @contextmanager
    def write(self) -> Iterator[Tables]:
        self.read()
        with self._disk.write() as tables:
            yield tables

    def save_windows(self, saved: bytes | None) -> None:
        with self.write() as tables:
            tables.windows = {} if saved is None else {"saved": saved}

    def load_windows(self) -> bytes | None:
        return self.read().windows.get("saved")

    def note_import(self, note: bytes | None) -> None:
        with self.write() as tables:
            tables.imports = {} if note is None else {"note": note}

    def unfinished_import(self) -> bytes | None:
        return self.read().imports.get("note")

    @property
    def is_leased(self) -> bool:
        """See contracts.store.Store."""
        return True

    def lease(self) -> bool:
        """See contracts.store.Store."""
        return True

    def claim(self) -> None:
        pass

    def stay(self, *, takes_connections: bool) -> RollCall:
        return RollCall()

    def copy_to(self, path: Path) -> None:
        raise StorageError("dicts have no copy")

    def report_to(self, status: Status) -> None:
        status.check("store", lambda: "the dicts are closed" if self._is_closed else "")

    def close(self) -> None:
        self._is_closed = True


# --- All of it ------------------------------------------------------------------------


class DictDataSnapshot:
    def __init__(self, tables: Tables, values_of: ValuesOf) -> None:
        self._tables = tables
        self.entities = DictSnapshot(tables, values_of)

    def counters(self) -> Mapping[str, int]:
        found = self._tables.counters.items()
        return {name: number for name, number in found if name[:4] != "dict"}

    def tasks(self) -> Iterator[Task]:
        return (self._tables.tasks[key] for key in sorted(self._tables.tasks))

    def pull_tasks(self) -> Iterator[PullTask]:
        return (self._tables.pull_tasks[key] for key in sorted(self._tables.pull_tasks))

    def paused(self) -> Collection[str]:
        return list(self._tables.paused)

    def accounts(self) -> Sequence[Account]:
        return [self._tables.accounts[email] for email in sorted(self._tables.accounts)]

    def passwords(self) -> Sequence[Password]:
        found = self._tables.passwords.values()
        return sorted(found, key=lambda password: password.email)

    def blobs(self) -> Iterator[tuple[str, int]]:
        return iter(())

    def blob_pieces(self, key: str) -> Iterator[bytes]:
        return iter(())


class DictData:
    def __init__(self, store: DictStore, values_of: ValuesOf) -> None:
        self._store = store
        self._values_of = values_of

    @contextmanager
    def read(self) -> Iterator[DictDataSnapshot]:
        yield DictDataSnapshot(self._store.read(), self._values_of)

    def is_empty(self) -> bool:
        tables = self._store.read()
        return not (
            tables.entities or tables.tasks or tables.pull_tasks or tables.passwords
        )

    def clear(self) -> None:
        with self._store.write() as tables:
            for name in (
                *("kinds", "entities", "indexes", "groups", "tasks", "leases"),
                *("pull_tasks", "paused", "resting", "accounts", "passwords"),
            ):
                setattr(tables, name, {})


# --- Entities -------------------------------------------------------------------------


class DictSnapshot:
    def __init__(self, tables: Tables, values_of: ValuesOf) -> None:
        self._tables = tables
        self._values_of = values_of

    def get(self, key: EntityKey) -> tuple[int, bytes] | None:
        kind_id = self.kind_id(key.namespace, key.kind)
        return (
            None if kind_id is None else self._tables.entities.get((kind_id, key.path))
        )

    def group_version(self, group: Group) -> int:
        return self._tables.groups.get(group, (0, 0))[0]

    def kind_id(self, namespace: str, kind: str) -> int | None:
        return self._tables.kinds.get((namespace, kind))

    def kinds(self) -> Mapping[tuple[str, str], int]:
        return self._tables.kinds

    def index(self, kind_id: int, definition: IndexDefinition) -> Index | None:
        return self._tables.indexes.get((kind_id, definition))

    def indexes(self, kind_id: int) -> Mapping[IndexDefinition, Index]:
        every = self._tables.indexes.items()
        return {key[1]: index for key, index in every if key[0] == kind_id}

    def rows(
        self, scan: Scan, *, bodies: bool, limit: int = -1, offset: int = 0
    ) -> Iterator[Row]:
        found = [row for row in self._every_row(scan) if self._is_wanted(scan, row)]
        found.sort(key=lambda row: row[1], reverse=scan.is_path_descending)
        found.sort(key=lambda row: row[0], reverse=scan.is_descending)
        yield from found[offset : None if limit < 0 else offset + limit]

    def count(self, scan: Scan, limit: int) -> int:
        return len(list(self.rows(scan, bodies=False, limit=limit)))

    def explain(self, scan: Scan) -> Sequence[str]:
        return [f"every entity of kind {scan.kind_id}, sorted"]

    def close(self) -> None:
        pass

    def _every_row(self, scan: Scan) -> Iterator[Row]:
        definition = self._definition(scan.index_id)
        for (kind_id, path), (version, body) in self._tables.entities.items():
            if kind_id == scan.kind_id:
                codes: Iterable[bytes] = [b""]
                if definition is not None:
                    codes = set(definition.row_values(path, self._values_of(body)))
                yield from ((code, path, version, body) for code in codes)

    def _definition(self, index_id: int | None) -> IndexDefinition | None:
        every = self._tables.indexes.values()
        return next((one.definition for one in every if one.id == index_id), None)

    def _is_wanted(self, scan: Scan, row: Row) -> bool:
        code, path, _, body = row
        if scan.index_id is not None:
            if scan.high is None and code != scan.low:
                return False
            if scan.high is not None and not scan.low <= code < scan.high:
                return False
        if path < scan.path_low:
            return False
        if scan.path_high is not None and path >= scan.path_high:
            return False
        if scan.after is not None and not _is_behind(scan, row, scan.after):
            return False
        if scan.until is not None and _is_behind(scan, row, scan.until):
            return False
        for index_id, probed in scan.probes:
            definition = self._definition(index_id)
            assert definition is not None
            if probed not in definition.row_values(path, self._values_of(body)):
                return False
        return True


def _is_behind(scan: Scan, row: Row, place: Position) -> bool:
    """Return whether a row is read after a place."""
    code, path = row[0], row[1]
    is_by_code = scan.index_id is not None and scan.high is not None
    if is_by_code and code != place.value:
        return (code < place.value) == scan.is_descending
    if path != place.path:
        return (path < place.path) == scan.is_path_descending
    return place.is_before


class DictEntities:
    def __init__(
        self, store: DictStore, values_of: ValuesOf, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._values_of = values_of
        self._clock = clock

    def get_many(self, keys: Sequence[EntityKey]) -> list[tuple[int, bytes] | None]:
        snapshot = self.open()
        return [snapshot.get(key) for key in keys]

    @contextmanager
    def read(self) -> Iterator[DictSnapshot]:
        yield self.open()

    def open(self) -> DictSnapshot:
        return DictSnapshot(self._store.read(), self._values_of)

    def apply(
        self,
        writes: Iterable[Write],
        expected: Mapping[Group, int] | None = None,
        tasks: Sequence[NewTask] = (),
    ) -> Applied:
        with self._store.write() as tables:
            for group, version in (expected or {}).items():
                if tables.groups.get(group, (0, 0))[0] != version:
                    raise Conflict("changed")
            now = self._clock()
            versions = [self._write(tables, write, int(now * 1e6)) for write in writes]
            return Applied(versions, _add_tasks(tables, tasks, now))

    def _write(self, tables: Tables, write: Write, now: int) -> int:
        kind_id = tables.kinds.setdefault(write.key[:2], _next(tables, "kinds"))
        place = (kind_id, write.key.path)
        was_there, is_there = place in tables.entities, write.body is not None
        if was_there and write.is_insert:
            raise KeyTaken("taken")
        if not was_there and not is_there:
            return now
        version, members = tables.groups.pop(write.key.group, (0, 0))
        version, members = max(now, version + 1), members + is_there - was_there
        if members:
            tables.groups[write.key.group] = (version, members)
        tables.entities.pop(place, None)
        if write.body is not None:
            tables.entities[place] = (version, write.body)
            for name in write.values or {}:
                _index(tables, kind_id, IndexDefinition.single(name))
            self._note_rows(tables, kind_id, write.key.path, write.body)
        return version

    def _note_rows(
        self, tables: Tables, kind_id: int, path: bytes, body: bytes
    ) -> None:
        values, total = self._values_of(body), 0
        for key, index in list(tables.indexes.items()):
            if key[0] == kind_id:
                rows = len(index.definition.row_values(path, values))
                total += rows
                if rows > 1:
                    tables.indexes[key] = replace(index, is_repeated=True)
        if total > limits.STORE_MAXIMUM_INDEX_ROWS:
            raise TooManyIndexRows("too many index rows")

    def build_index(
        self, namespace: str, kind: str, definition: IndexDefinition
    ) -> None:
        with self._store.write() as tables:
            kind_id = tables.kinds.setdefault((namespace, kind), _next(tables, "kinds"))
            _index(tables, kind_id, definition)
            for (of_kind, path), (_, body) in list(tables.entities.items()):
                if of_kind == kind_id:
                    self._note_rows(tables, kind_id, path, body)

    def allocate(self, counter: str, size: int, *, first: int = 1) -> int:
        with self._store.write() as tables:
            start = tables.counters.get(counter, first)
            tables.counters[counter] = start + size
            return start

    def reserve(self, counter: str, number: int, *, first: int = 1) -> tuple[int, int]:
        with self._store.write() as tables:
            start = tables.counters.get(counter, first)
            end = tables.counters[counter] = max(start, number + 1)
            return start, end

    def summary(self) -> Mapping[tuple[str, str], int]:
        tables = self._store.read()
        members = [kind_id for kind_id, _ in tables.entities]
        found = {kind: members.count(id) for kind, id in tables.kinds.items()}
        return {kind: count for kind, count in found.items() if count}

    def sizes(self) -> Mapping[tuple[str, str], KindSize]:
        tables = self._store.read()
        sizes = {}
        for kind, count in self.summary().items():
            of_kind = tables.entities.items()
            lengths = [
                len(path) + len(body)
                for (kind_id, path), (_, body) in of_kind
                if kind_id == tables.kinds[kind]
            ]
            sizes[kind] = KindSize(count, sum(lengths))
        return sizes

    def clear(self) -> None:
        with self._store.write() as tables:
            tables.entities, tables.groups = {}, {}
            tables.kinds, tables.indexes = {}, {}


def _next(tables: Tables, of: str) -> int:
    counter = f"dict store: {of}"
    tables.counters[counter] = tables.counters.get(counter, 0) + 1
    return tables.counters[counter]


def _index(tables: Tables, kind_id: int, definition: IndexDefinition) -> None:
    if (kind_id, definition) not in tables.indexes:
        index = Index(_next(tables, "indexes"), definition)
        tables.indexes[kind_id, definition] = index


# --- Tasks ----------------------------------------------------------------------------


def _add_tasks(tables: Tables, tasks: Iterable[NewTask], now: float) -> list[Added]:
    tables.resting = {key: end for key, end in tables.resting.items() if end > now}
    return [_add_task(tables, task) for task in tasks]


def _add_task(tables: Tables, task: NewTask) -> Added:
    key = (task.queue, task.name)
    table = tables.pull_tasks if isinstance(task, PullTask) else tables.tasks
    if key in table:
        return Added.EXISTS
    if key in tables.resting:
        return Added.TOMBSTONED
    if isinstance(task, PullTask):
        tables.pull_tasks[key] = task
    else:
        tables.tasks[key] = task
    return Added.DONE


def _delete(
    tables: Tables,
    table: dict[Name, Task] | dict[Name, PullTask],
    queue: str,
    names: Iterable[str],
    now: float,
) -> list[bool]:
    found = []
    for name in names:
        found.append(table.pop((queue, name), None) is not None)
        if found[-1]:
            tables.resting[queue, name] = now + limits.TASK_TOMBSTONE_SECONDS
    return found


class DictTasks:
    worker_id = "main"
    is_shared = False

    def __init__(self, store: DictStore) -> None:
        self._store = store

    def add(self, tasks: Sequence[NewTask], now: float) -> Sequence[Added]:
        with self._store.write() as tables:
            return _add_tasks(tables, tasks, now)

    def take(
        self,
        worker_id: str,
        now: float,
        *,
        limit: int,
        lease_seconds: float,
        excluded_queues: Collection[str] = (),
        rules: Collection[QueueRule] = (),
    ) -> Sequence[Task]:
        with self._store.write() as tables:
            due = [
                task
                for key, task in tables.tasks.items()
                if task.eta <= now
                and _is_free(tables, key, now, worker_id)
                and task.queue not in excluded_queues
            ]
            due.sort(key=lambda task: task.eta)
            return [
                _take(tables, (task.queue, task.name), now, lease_seconds, worker_id)
                for task in due[:limit]
            ]

    def waits(self, rules: Collection[QueueRule], now: float) -> Mapping[str, float]:
        return {rule.queue: 0.0 for rule in rules}

    def count_others(self, worker_id: str) -> int:
        return 0

    def beat(self, worker_id: str) -> None:
        pass

    def renew(self, worker_id: str, until: float) -> None:
        with self._store.write() as tables:
            for key, (leased_until, holder) in tables.leases.items():
                if holder == worker_id and 0 < leased_until < until:
                    tables.leases[key] = (until, worker_id)

    def give_back(self, task: Task, eta: float, *, counts_as_try: bool = True) -> None:
        key = (task.queue, task.name)
        with self._store.write() as tables:
            old = tables.tasks.get(key)
            if old is not None and old.lease == task.lease:
                retries = old.retries + counts_as_try
                tables.tasks[key] = replace(old, eta=eta, retries=retries)
                tables.leases.pop(key, None)

    def finish(self, task: Task, now: float) -> None:
        old = self._store.read().tasks.get((task.queue, task.name))
        if old is not None and old.lease == task.lease:
            self.delete(task.queue, [task.name], now)

    def delete(self, queue: str, names: Sequence[str], now: float) -> Sequence[bool]:
        with self._store.write() as tables:
            for name in names:
                tables.leases.pop((queue, name), None)
            return _delete(tables, tables.tasks, queue, names, now)

    def purge(self, queue: str) -> None:
        with self._store.write() as tables:
            for key in [key for key in tables.tasks if key[0] == queue]:
                del tables.tasks[key]
                tables.leases.pop(key, None)

    def release(self, worker_id: str) -> None:
        with self._store.write() as tables:
            every = tables.leases.items()
            tables.leases = {key: one for key, one in every if one[1] != worker_id}

    def next_eta(
        self, worker_id: str, excluded_queues: Collection[str] = ()
    ) -> float | None:
        tables = self._store.read()
        etas = [
            max(task.eta, _leased_until(tables, key))
            for key, task in tables.tasks.items()
            if _is_free(tables, key, math.inf, worker_id)
            and task.queue not in excluded_queues
        ]
        return min(etas, default=None)

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        tables = self._store.read()
        found = {key: task for key, task in tables.tasks.items() if key[0] == queue}
        oldest = min((task.eta for task in found.values()), default=None)
        in_hand = sum(_leased_until(tables, key) > now for key in found)
        return QueueStatistics(len(found), oldest, in_hand)

    def listed(
        self, queue: str, after: tuple[float, str] | None, limit: int
    ) -> Sequence[ListedTask]:
        tables = self._store.read()
        every = sorted(
            (task.eta, name)
            for (of_queue, name), task in tables.tasks.items()
            if of_queue == queue
        )
        page = [place for place in every if after is None or place > after][:limit]
        return [_listed(tables, (queue, name)) for _, name in page]

    def find(self, queue: str, name: str) -> ListedTask | None:
        tables = self._store.read()
        key = (queue, name)
        return _listed(tables, key) if key in tables.tasks else None

    def take_named(
        self, worker_id: str, queue: str, name: str, now: float, lease_seconds: float
    ) -> Task | None:
        with self._store.write() as tables:
            key = (queue, name)
            if key not in tables.tasks or not _is_free(tables, key, now, worker_id):
                return None
            return _take(tables, key, now, lease_seconds, worker_id)

    def pause(self, queue: str, *, is_paused: bool) -> None:
        with self._store.write() as tables:
            tables.paused.pop(queue, None)
            if is_paused:
                tables.paused[queue] = None

    def paused(self) -> Collection[str]:
        return set(self._store.read().paused)


def _take(
    tables: Tables, key: Name, now: float, lease_seconds: float, worker_id: str
) -> Task:
    task = tables.tasks[key]
    first = now if task.first_tried_at is None else task.first_tried_at
    leased = replace(task, lease=secrets.randbits(62) + 1)
    tables.tasks[key] = replace(leased, first_tried_at=first)
    tables.leases[key] = (now + lease_seconds, worker_id)
    return leased


def _listed(tables: Tables, key: Name) -> ListedTask:
    return ListedTask(tables.tasks[key], _leased_until(tables, key))


def _leased_until(tables: Tables, key: Name) -> float:
    return tables.leases.get(key, (0.0, ""))[0]


def _is_free(tables: Tables, key: Name, now: float, worker_id: str) -> bool:
    if key not in tables.leases:
        return True
    until, holder = tables.leases[key]
    return until <= now and holder != worker_id


class DictPullTasks:
    def __init__(self, store: DictStore) -> None:
        self._store = store

    def lease(
        self,
        queue: str,
        now: float,
        lease_seconds: float,
        most: int,
        *,
        is_grouped: bool = False,
        tag: bytes | None = None,
        may_lease: Callable[[PullTask], bool] = lambda task: True,
    ) -> Sequence[PullTask]:
        leased = []
        with self._store.write() as tables:
            due = [
                task
                for task in tables.pull_tasks.values()
                if task.queue == queue and task.eta_microseconds <= int(now * 1e6)
            ]
            due.sort(key=lambda task: (task.eta_microseconds, task.name))
            if is_grouped:
                wanted = due[0].tag if tag is None and due else tag
                due = [task for task in due if task.tag == wanted]
            until = int((now + lease_seconds) * 1_000_000)
            for task in due[:most]:
                if may_lease(task):
                    task = replace(task, eta_microseconds=until, leases=task.leases + 1)
                    tables.pull_tasks[queue, task.name] = task
                    leased.append(task)
                else:
                    _delete(tables, tables.pull_tasks, queue, [task.name], now)
        return leased

    def renew(
        self,
        queue: str,
        name: str,
        eta_microseconds: int,
        now: float,
        lease_seconds: float,
    ) -> tuple[LeaseState, int]:
        with self._store.write() as tables:
            task = tables.pull_tasks.get((queue, name))
            if task is None:
                is_resting = (queue, name) in tables.resting
                return (LeaseState.TOMBSTONED if is_resting else LeaseState.UNKNOWN), 0
            eta = task.eta_microseconds
            if eta != eta_microseconds or eta < now * 1_000_000:
                return LeaseState.EXPIRED, 0
            until = int((now + lease_seconds) * 1_000_000)
            tables.pull_tasks[queue, name] = replace(task, eta_microseconds=until)
            return LeaseState.HELD, until

    def delete(self, queue: str, names: Sequence[str], now: float) -> Sequence[bool]:
        with self._store.write() as tables:
            return _delete(tables, tables.pull_tasks, queue, names, now)

    def purge(self, queue: str) -> None:
        with self._store.write() as tables:
            for key in [key for key in tables.pull_tasks if key[0] == queue]:
                del tables.pull_tasks[key]

    def statistics(self, queue: str, now: float) -> QueueStatistics:
        tasks = [
            task
            for task in self._store.read().pull_tasks.values()
            if task.queue == queue
        ]
        oldest = min((task.eta_microseconds for task in tasks), default=None)
        leased = sum(
            task.leases > 0 and task.eta_microseconds > int(now * 1_000_000)
            for task in tasks
        )
        eta = None if oldest is None else oldest / 1_000_000
        return QueueStatistics(len(tasks), eta, leased)

    def listed(
        self, queue: str, after: tuple[int, str] | None, limit: int
    ) -> Sequence[PullTask]:
        every = self._store.read().pull_tasks.values()
        tasks = [
            task
            for task in every
            if task.queue == queue
            and (after is None or (task.eta_microseconds, task.name) > after)
        ]
        tasks.sort(key=lambda task: (task.eta_microseconds, task.name))
        return tasks[:limit]

    def find(self, queue: str, name: str) -> PullTask | None:
        return self._store.read().pull_tasks.get((queue, name))


# --- Cache ----------------------------------------------------------------------------


class DictCacheView:
    def __init__(self, tables: Tables, now: float) -> None:
        self._cache = tables.cache
        self.now = now

    def get(self, namespace: str, name: bytes) -> Entry | None:
        entry = self._cache.get((namespace, name))
        is_expired = (
            entry is not None and (entry.expires_at or self.now + 1) <= self.now
        )
        return None if is_expired else entry

    def set(self, namespace: str, name: bytes, entry: Entry) -> None:
        cas_id = secrets.randbits(62) + 1
        entry = replace(entry, cas_id=cas_id, written_at=self.now)
        self._cache[namespace, name] = entry

    def delete(self, namespace: str, name: bytes) -> None:
        self._cache.pop((namespace, name), None)

    def clear(self) -> None:
        self._cache.clear()

    def total_bytes(self) -> int:
        every = self._cache.items()
        return sum(len(name) + len(entry.value) for (_, name), entry in every)

    def statistics(self) -> tuple[int, float | None]:
        times = [entry.written_at for entry in self._cache.values()]
        return len(times), min(times, default=None)

    def shrink(self, most: int) -> None:
        for namespace, name in list(self._cache):
            if self.get(namespace, name) is None:
                self.delete(namespace, name)
        while self.total_bytes() > most:
            oldest = min(self._cache.items(), key=lambda item: item[1].written_at)
            self.delete(*oldest[0])


class DictCache:
    def __init__(self, store: DictStore, clock: Callable[[], float], most: int) -> None:
        self._store = store
        self._clock = clock
        self._most = most

    @contextmanager
    def read(self) -> Iterator[DictCacheView]:
        yield DictCacheView(self._store.read(), self._clock())

    @contextmanager
    def write(self) -> Iterator[DictCacheView]:
        with self._store.write() as tables:
            view = DictCacheView(tables, self._clock())
            yield view
            if view.total_bytes() > self._most:
                view.shrink(self._most)


# --- The rest -------------------------------------------------------------------------


class DictAccounts:
    def __init__(self, store: DictStore) -> None:
        self._store = store

    def remember(self, account: Account) -> None:
        try:
            account.user.email.encode("utf-8")
        except UnicodeEncodeError as error:
            raise StorageError(f"the dicts refused: {error}") from error
        with self._store.write() as tables:
            tables.accounts[account.user.email] = account

    def all(self) -> Sequence[Account]:
        every = self._store.read().accounts.values()
        return sorted(every, key=lambda one: (-one.seen_at, one.user.email))

    def end_login(self, number: str, expires_at: float, now: float) -> None:
        with self._store.write() as tables:
            ended = {**tables.ended_logins, number: expires_at}
            tables.ended_logins = {
                each: ends_at for each, ends_at in ended.items() if ends_at > now
            }

    def ended_logins(self) -> Collection[str]:
        return set(self._store.read().ended_logins)


class DictPasswords:
    """The tokens of a bucket, where the engines keep one number."""

    def __init__(self, store: DictStore) -> None:
        self._store = store

    def put(self, password: Password) -> None:
        with self._store.write() as tables:
            tables.passwords[folded(password.email)] = password

    def get(self, email: str) -> Password | None:
        return self._store.read().passwords.get(folded(email))

    def rehash(self, email: str, old: str, new: str) -> bool:
        with self._store.write() as tables:
            found = tables.passwords.get(folded(email))
            if found is None or found.hash != old:
                return False
            changed = dataclasses.replace(found, hash=new)
            tables.passwords[folded(email)] = changed
            return True

    def remove(self, email: str) -> bool:
        with self._store.write() as tables:
            return tables.passwords.pop(folded(email), None) is not None

    def all(self) -> Sequence[Password]:
        passwords = self._store.read().passwords
        return [passwords[name] for name in sorted(passwords)]

    def attempt(
        self, key: str, now: float, *, every_seconds: float, at_once: int
    ) -> float:
        with self._store.write() as tables:
            # Of each attempt, when its token has come back.
            backs = [
                min(at, now + (place + 1) * every_seconds)
                for place, at in enumerate(
                    at for at in tables.attempts.get(key, ()) if at > now
                )
            ]
            if len(backs) >= at_once:
                tables.attempts[key] = tuple(backs)
                return backs[0] - now
            last = backs[-1] if backs else now
            tables.attempts[key] = (*backs, last + every_seconds)
        return 0.0

    def forgive(self, key: str) -> None:
        with self._store.write() as tables:
            tables.attempts.pop(key, None)


class DictSecrets:
    def __init__(self, store: DictStore) -> None:
        self._store = store

    def get(self, purpose: str) -> Sequence[bytes]:
        with self._store.write() as tables:
            made = (secrets.token_bytes(32),)
            return list(tables.secrets.setdefault(purpose, made))

    def rotate(self, purpose: str, *, keep: int = 2) -> None:
        with self._store.write() as tables:
            both = (*tables.secrets.get(purpose, ()), secrets.token_bytes(32))
            tables.secrets[purpose] = both[-max(keep, 1) :]


class DictJournal:
    def __init__(self, store: DictStore) -> None:
        self._store = store

    def note(self, connected: Iterable[str], disconnected: Iterable[str]) -> None:
        with self._store.write() as tables:
            for client_id in disconnected:
                tables.connected.pop(client_id, None)
            tables.connected.update(dict.fromkeys(connected))

    def connected_client_ids(self) -> Sequence[str]:
        return sorted(self._store.read().connected)


def is_a_store(store: DictStore) -> Store:
    """Only the type checker reads this: a method that is missing fails there."""
    return store
