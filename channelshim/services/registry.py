"""The one registry of services: name to what makes the stub behind it.

Nothing is imported before a service is first asked for: images alone costs 40 MB.
docs/reference/services.md says for each what works and what does not.
"""

from __future__ import annotations

import functools
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from channelshim.appyaml.queues import QueueConfig
from channelshim.contracts.broker import MessageSender
from channelshim.contracts.clock import Clock
from channelshim.contracts.identity import Login
from channelshim.contracts.modules import RunningModule
from channelshim.contracts.store import BLOBS_FOLDER, Store
from channelshim.protocol.tokens import TokenSigner
from channelshim.services.executions import Executions

if TYPE_CHECKING:
    from channelshim.contracts.cache import Memcache

_NONCE_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Backing:
    """What stands behind the services that need the store open.

    Attributes:
        store: the app's.
        tokens: signs channel tokens.
        broker: takes messages.
        executions: how many tasks were begun lately.
        on_tasks_added: called after tasks are stored; wakes the runner. Any thread.
        memcache: where its values are; None for the store.
        on_mail_added: called after a mail is stored that is to leave. Any thread.
    """

    store: Store
    tokens: TokenSigner
    broker: MessageSender
    executions: Executions
    on_tasks_added: Callable[[], None]
    memcache: Memcache | None = None
    on_mail_added: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Needs:
    """What the services of one app are made from.

    Attributes:
        application_id: without partition.
        directory: of the app; index.yaml is read there.
        store_directory: blobs and mails go below it.
        queues: queue.yaml.
        clock: the time.
        login: makes the URLs of the users service.
        backing: opens the store when it is first called, and raises StorageError when
            that cannot be.
        is_own: whether a service is answered by its stub of this registry; an app or a
            test may put its own in the place of one.
        requires_indexes: whether a query needs its index in index.yaml.
        auto_id_policy: "scattered" or "sequential".
        writes_indexes: returns whether index.yaml gets what queries need.
        modules: returns the modules that run here, the default one first.
        is_store_shared: whether blobs and mails are in the store, for all its servers.
        sends_mail: whether mails leave; they are in the store until they do.
        admins: addresses that mails to the administrators go to.
    """

    application_id: str
    directory: Path
    store_directory: Path
    queues: QueueConfig
    clock: Clock
    login: Login
    backing: Callable[[], Backing]
    is_own: Callable[[str], bool]
    requires_indexes: bool = False
    auto_id_policy: Literal["scattered", "sequential"] = "scattered"
    writes_indexes: Callable[[], bool] = lambda: False
    modules: Callable[[], Sequence[RunningModule]] = lambda: (RunningModule(),)
    is_store_shared: bool = False
    sends_mail: bool = False
    admins: Sequence[str] = ()


def _app_identity(needs: Needs) -> Any:
    from google.appengine.api.app_identity import app_identity_stub

    return app_identity_stub.AppIdentityServiceStub()


def _blobstore(needs: Needs) -> Any:
    from channelshim.services.blobstore import BlobstoreService

    blobs = needs.backing().store.blobs if needs.is_store_shared else None
    return BlobstoreService(needs.store_directory / BLOBS_FOLDER, blobs)


def _capabilities(needs: Needs) -> Any:
    from google.appengine.api.capabilities import capability_stub

    return capability_stub.CapabilityServiceStub()


def _channel(needs: Needs) -> Any:
    from channelshim.services.channel import ChannelService

    backing = needs.backing()
    return ChannelService(
        backing.tokens,
        backing.broker,
        needs.clock,
        functools.partial(secrets.token_bytes, _NONCE_BYTES),
    )


def _datastore(needs: Needs) -> Any:
    from channelshim.services.datastore_v3 import DatastoreService
    from channelshim.services.transactional_tasks import TransactionalTasks

    backing = needs.backing()
    return DatastoreService(
        backing.store.entities,
        f"dev~{needs.application_id}",
        require_indexes=needs.requires_indexes,
        index_yaml=_index_file(needs.directory),
        writes_indexes=needs.writes_indexes(),
        auto_id_policy=needs.auto_id_policy,
        tasks=TransactionalTasks(
            functools.partial(needs.is_own, "taskqueue"),
            backing.on_tasks_added,
            needs.clock,
        ),
    )


def _index_file(directory: Path) -> Path:
    shorter = directory / "index.yml"
    return shorter if shorter.is_file() else directory / "index.yaml"


def _images(needs: Needs) -> Any:
    from channelshim.services.images import make_images_service

    return make_images_service()


def _mail(needs: Needs) -> Any:
    from channelshim.services.mail import Outbox, make_mail_service

    outbox = None
    if needs.sends_mail or needs.is_store_shared:
        backing = needs.backing()
        outbox = Outbox(
            backing.store.mails,
            needs.clock,
            needs.sends_mail,
            needs.admins,
            backing.on_mail_added,
        )
    return make_mail_service(needs.store_directory / "mail", outbox)


def _memcache(needs: Needs) -> Any:
    from channelshim.services.memcache import MemcacheService
    from channelshim.services.stored_memcache import StoredMemcache

    backing = needs.backing()
    return MemcacheService(backing.memcache or StoredMemcache(backing.store.cache))


def _modules(needs: Needs) -> Any:
    from channelshim.services.modules import ModulesService

    return ModulesService(needs.modules)


def _search(needs: Needs) -> Any:
    from channelshim.services.search import make_search_service

    return make_search_service(
        needs.backing().store.search, needs.store_directory / "search"
    )


def _system(needs: Needs) -> Any:
    from channelshim.services.system import SystemService

    return SystemService()


def _taskqueue(needs: Needs) -> Any:
    from channelshim.services.taskqueue import TaskQueueService

    backing = needs.backing()
    return TaskQueueService(
        backing.store.tasks,
        backing.store.pull_tasks,
        needs.queues,
        needs.clock,
        lambda: f"task-{secrets.token_hex(12)}",
        backing.on_tasks_added,
        backing.executions,
    )


def _urlfetch(needs: Needs) -> Any:
    from google.appengine.api import urlfetch_stub

    return urlfetch_stub.URLFetchServiceStub()


def _user(needs: Needs) -> Any:
    from channelshim.services.user import UserService

    return UserService(needs.login)


REGISTRY: Final[Mapping[str, Callable[[Needs], Any]]] = {
    "app_identity_service": _app_identity,
    "blobstore": _blobstore,
    "capability_service": _capabilities,
    "channel": _channel,
    "datastore_v3": _datastore,
    "images": _images,
    "mail": _mail,
    "memcache": _memcache,
    "modules": _modules,
    "search": _search,
    "system": _system,
    "taskqueue": _taskqueue,
    "urlfetch": _urlfetch,
    "user": _user,
}
"""Service name of the API proxy to a function that makes its stub."""

_OTHER_NAMES: Final = {"xmpp": "channel"}
"""Old code asks for "xmpp" where SERVER_SOFTWARE is not a dev server's: the same stub
answers, which must not be made twice."""


def factories(needs: Needs) -> dict[str, Callable[[], Any]]:
    """Return, for the API proxy, what makes each service's stub when first asked."""
    stubs = {
        name: _Once(functools.partial(make, needs)) for name, make in REGISTRY.items()
    }
    return {**stubs, **{other: stubs[name] for other, name in _OTHER_NAMES.items()}}


class _Once:
    """Calls a function at the first call, and returns what it made at every one."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None
        self._lock = threading.Lock()

    def __call__(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
