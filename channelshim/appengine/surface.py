"""The one table of what old apps import, and what of it is here.

`install` makes the modules importable by it, `channelshim doctor` and
docs/reference/services.md tell it, and tests/appengine/test_surface.py holds it against
every module of SDK 1.9.88.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

_GOOGLE: Final = "google.appengine"
_OURS: Final = "channelshim.appengine"


class Status(Enum):
    """What becomes of a module."""

    WORKS = "works"
    IDLE = "imports and does nothing"
    REFUSED = "imports; a call raises one sentence"


WORKS: Final = Status.WORKS
IDLE: Final = Status.IDLE
REFUSED: Final = Status.REFUSED


class Answer(Enum):
    """Who answers for a module."""

    SDK = "Google's package"
    OURS = "a module of ours by the same path"
    OTHER = "another module"
    MESSAGES = "the messages of today by their old accessors; see compat.old_modules"
    NOBODY = "names that refuse to be called"


@dataclass(frozen=True, slots=True)
class Row:
    """One module, or a package with all that has no row of its own.

    Attributes:
        name: dotted.
        status: what becomes of it.
        note: for WORKS what of it does not work, "" when all does; for IDLE why
            nothing needs doing; for REFUSED what to use instead.
        answer: who answers.
        place: the dotted name of the module that answers, where it is not the SDK's.
        needs: a module that must be there, and what pip installs for it.
    """

    name: str
    status: Status
    note: str = ""
    answer: Answer = Answer.SDK
    place: str = ""
    needs: tuple[str, str] | None = None


def _sdk(names: str, note: str = "") -> Iterator[Row]:
    return (Row(f"{_GOOGLE}.{name}", WORKS, note) for name in names.split())


def _ours(names: str, note: str = "", status: Status = WORKS) -> Iterator[Row]:
    for name in names.split():
        place = f"{_OURS}.{name}"
        yield Row(f"{_GOOGLE}.{name}", status, note, Answer.OURS, place)


def _other(name: str, place: str, note: str = "") -> Row:
    return Row(name, WORKS, note, Answer.OTHER, place)


def _refused(names: str, hint: str) -> Iterator[Row]:
    for name in names.split():
        yield Row(f"{_GOOGLE}.{name}", REFUSED, hint, Answer.NOBODY)


def _messages(names: str) -> Iterator[Row]:
    for name in names.split():
        yield Row(f"{_GOOGLE}.{name}", WORKS, "", Answer.MESSAGES)


ROWS: Final = (
    *_sdk("api base"),
    *_sdk("api.blobstore ext.blobstore", "files up to 32 MB"),
    *_sdk("api.mail", "mails are kept, or leave by SMTP"),
    *_sdk("api.modules", "the modules that run; starting others has no effect"),
    *_sdk("datastore ext ext.db ext.ndb ext.gql ext.key_range ext.testbed runtime"),
    *_ours(
        "api.channel api.channel.channel api.channel.channel_service_pb"
        " api.channel.channel_service_stub"
    ),
    *_ours("api.backends api.backends.backends", "a backend is a module here"),
    *_ours("api.logservice api.logservice.logservice", "no logs are kept", status=IDLE),
    *_ours("api.app_logging", "the log has every line already", status=IDLE),
    *_ours("api.quota", "nothing is counted", status=IDLE),
    *_ours("api.xmpp", "nothing is sent", status=IDLE),
    *_ours("api.labs"),
    _other(f"{_GOOGLE}.api.labs.taskqueue", f"{_GOOGLE}.api.taskqueue"),
    _other(
        f"{_GOOGLE}.api.labs.taskqueue.taskqueue_service_pb",
        f"{_GOOGLE}.api.taskqueue.taskqueue_service_pb",
    ),
    _other(f"{_GOOGLE}.api.search.stub.geo_util", f"{_GOOGLE}.api.search.geo_util"),
    *_ours("dist", "the version of Django says how webapp.template renders"),
    *_ours(
        "ext.appstats ext.appstats.recording ext.appstats.ui",
        "nothing is recorded",
        status=IDLE,
    ),
    *_ours(
        "ext.ereporter ext.ereporter.ereporter",
        "the log has every exception",
        status=IDLE,
    ),
    *_ours("ext.deferred.handler ext.ndb.google_imports ext.search ext.vendor"),
    *_ours(
        "ext.webapp ext.webapp.blobstore_handlers ext.webapp.mail_handlers"
        " ext.webapp.mock_webapp ext.webapp.util ext.zipserve"
    ),
    *_ours("ext.preload", "modules are loaded when they are needed", status=IDLE),
    Row(
        f"{_GOOGLE}.ext.webapp.template",
        WORKS,
        "",
        Answer.OURS,
        f"{_OURS}.ext.webapp.template",
        ("django", "Django"),
    ),
    *_ours("ext.webapp.xmpp_handlers", "nobody sends to it"),
    *_messages(
        """
        api.api_base_pb
        api.app_identity.app_identity_service_pb
        api.blobstore.blobstore_service_pb
        api.blobstore.blobstore_stub_service_pb
        api.capabilities.capability_service_pb
        api.images.images_service_pb
        api.mail_service_pb
        api.mail_stub_service_pb
        api.memcache.memcache_service_pb
        api.memcache.memcache_stub_service_pb
        api.modules.modules_service_pb
        api.search.search_service_pb
        api.system.system_service_pb
        api.taskqueue.taskqueue_service_pb
        api.urlfetch_service_pb
        api.user_service_pb
        base.capabilities_pb
        datastore.action_pb
        datastore.datastore_v3_pb
        datastore.datastore_v4_pb
        datastore.document_pb
        datastore.entity_pb
        datastore.entity_v4_pb
        datastore.snapshot_pb
        ext.remote_api.remote_api_pb
        """
    ),
    *_refused("api.files", "use a blobstore upload"),
    *_refused("api.prospective_search", "Google turned it off in 2015"),
    *_refused("api.rdbms api.rdbms_mysqldb", "use a database's own driver"),
    *_refused("api.remote_socket", "sockets need no service here"),
    *_refused("ext.admin", "the admin server has it"),
    *_refused("ext.admin_redirect", "the admin server has it"),
    *_refused("ext.builtins", "app.yaml's builtins need no import"),
    *_refused(
        "ext.bulkload tools.bulkloader", "write entities by a script of your own"
    ),
    *_refused("ext.cloudstorage", "use Google's package google-cloud-storage"),
    *_refused("ext.db.djangoforms", "write the form with Django's forms"),
    *_refused("ext.endpoints", "answer with webapp2 and json"),
    *_sdk("ext.remote_api"),
    *_refused(
        "ext.remote_api.handler ext.remote_api.remote_api_services"
        " ext.remote_api.remote_api_stub ext.remote_api.throttle",
        "run the code in the app, or by channelshim shell",
    ),
    *_refused(
        "ext.appstats.datamodel_pb ext.appstats.formatting ext.appstats.loader"
        " ext.appstats.sample_appengine_config",
        "nothing is recorded",
    ),
    *_refused("ext.django", "name Django's own WSGI application in app.yaml"),
    *_refused("ext.ereporter.report_generator", "the log has every exception"),
    *_refused("ext.testbed.apiserver_util", "the testbed needs no server"),
    *_refused(
        "api.app_identity.app_identity_stub_service_pb"
        " api.capabilities.capability_stub_service_pb api.logservice.log_service_pb"
        " api.logservice.log_stub_service_pb api.source_pb"
        " api.taskqueue.taskqueue_stub_service_pb api.urlfetch_stub_service_pb"
        " api.user_stub_service_pb api.xmpp.xmpp_service_pb datastore.acl_pb",
        "nothing here sends these messages",
    ),
    *_refused(
        "api.images.images_not_implemented_stub api.logservice.logservice_stub"
        " api.logservice.logsutil api.urlfetch_stub_cert_path"
        " api.xmpp.xmpp_service_stub",
        "use google.appengine.ext.testbed",
    ),
    *_refused(
        "api.appinfo_includes api.client_deployinfo api.conf api.dosinfo",
        "nothing is deployed from here",
    ),
    *_refused(
        "datastore.datastore_sqlite_stub",
        "the datastore is SQLite already; in a suite use google.appengine.ext.testbed",
    ),
    *_refused("datastore.datastore_stats_generator", "count with queries"),
    *_refused("cron", "cron.yaml is read by --cron=yes"),
    *_refused("dist27", "import the module of Python's own library"),
    *_refused(
        "runtime.cgi runtime.features runtime.runtime runtime.shutdown runtime.wsgi",
        "the server calls the app by itself",
    ),
    *_refused("tools", "run channelshim"),
    *_refused("tools.dev_appserver tools.dev_appserver_login", "run channelshim serve"),
)
"""A row under google.appengine covers all below it that has no row of its own."""

FALLBACKS: Final = (
    _other("simplejson", "json"),
    _other("django.utils.simplejson", "json"),
    _other("google.net.proto.ProtocolBuffer", f"{_OURS}.protocol_buffer"),
    *(
        _other(f"webapp2_extras.{name}", f"webapp2_extras.appengine.{name}")
        for name in ("sessions_memcache", "sessions_ndb", "users")
    ),
    _other("webapp2_extras.config", f"{_OURS}.webapp2_config"),
    _other("webapp2_extras.local_app", f"{_OURS}.webapp2_local_app"),
    Row("webapp2_extras.i18n", WORKS, needs=("babel", "Babel")),
    Row("webapp2_extras.mako", WORKS, needs=("mako", "Mako")),
    *(
        Row(name, REFUSED, hint, Answer.NOBODY)
        for name, hint in (
            ("endpoints", "answer with webapp2 and json"),
            ("mapreduce", "walk entities in tasks of your own"),
            ("protorpc", "answer with webapp2 and json"),
        )
    ),
    Row(
        "dev_appserver",
        IDLE,
        "the path is right already",
        Answer.OTHER,
        f"{_OURS}.dev_appserver",
    ),
)
"""Modules outside of google.appengine: ours answer where nobody else does."""

PLACEHOLDERS: Final = ("django", "django.utils", "google.net", "google.net.proto")
"""Packages that are there for a module in them, where nobody else has them."""

_ROWS: Final = {row.name: row for row in (*ROWS, *FALLBACKS)}


def find(name: str) -> Row | None:
    """Return the row of a module, its own or that of a package above it; or None."""
    if name.startswith(f"{_OURS}."):
        # `from PACKAGE import NAME` asks a package of ours by its own name.
        name = _GOOGLE + name.removeprefix(_OURS)
    row = _ROWS.get(name)
    while row is None and "." in name:
        name = name.rpartition(".")[0]
        row = _ROWS.get(name)
    return row


def has_row(name: str) -> bool:
    """Return whether a module has a row of its own."""
    return name in _ROWS


def hint_of(name: str) -> str | None:
    """Return what to use instead of a module that refuses calls; None for others."""
    row = find(name)
    return row.note if row is not None and row.answer is Answer.NOBODY else None


def aliases() -> dict[str, str]:
    """Return each name that a module of another name answers for."""
    return {row.name: row.place for row in ROWS if row.answer in _BY_ANOTHER}


def fallbacks() -> dict[str, str]:
    """Return those that are answered where nobody else has them."""
    return {row.name: row.place for row in FALLBACKS if row.answer in _BY_ANOTHER}


def refused() -> list[str]:
    """Return the names of the rows whose names refuse to be called."""
    rows = (*ROWS, *FALLBACKS)
    return [row.name for row in rows if row.answer is Answer.NOBODY]


@dataclass(frozen=True, slots=True)
class Hook:
    """A name, or the names with a prefix, that appengine_config.py may define.

    Attributes:
        prefix: how they begin.
        is_obeyed: whether they have an effect.
        note: what they do, or why nothing comes of them.
    """

    prefix: str
    is_obeyed: bool
    note: str


HOOKS: Final = (
    Hook(
        "namespace_manager_default_namespace_for_request",
        True,
        "the namespace of a request that has set none",
    ),
    Hook("webapp_add_wsgi_middleware", True, "middleware around each script"),
    Hook("webapp_django_", False, "the Django that is installed counts"),
    Hook("django_settings_module", False, "set DJANGO_SETTINGS_MODULE"),
    Hook("appstats_", False, "nothing is recorded"),
    Hook("remoteapi_", False, "there is no remote_api"),
)
"""What lib_config registered in SDK 1.9.88."""


def idle_hooks(names: Iterable[str]) -> list[str]:
    """Return a sentence for each hook that has no effect, where a name begins so.

    Args:
        names: what appengine_config.py defines.
    """
    defined = list(names)
    sentences = []
    for hook in HOOKS:
        found = [name for name in defined if name.startswith(hook.prefix)]
        if found and not hook.is_obeyed:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            sentences.append(f"{found[0]}{more} has no effect here: {hook.note}")
    return sentences


_BY_ANOTHER: Final = (Answer.OURS, Answer.OTHER)
