"""The one table of functions of others that tell text from bytes, and 2.7's did not.

Python 2.7 had one type for what Google's SDK, webapp2 and WebOb of today give as bytes
or refuse as bytes: tokens, cursors, payloads, names, bodies. What is listed in GIVES
gives a LegacyStr, what is listed in TAKES is called with a LegacyStr's text. Where more
is to be done than that, legacy_str_uses.py and its neighbours do it.

Each row has its programs in tests/compat/text_rows/, with what Python 2.7 and the
original SDK made of them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

from channelshim.compat.legacy_str import LegacyStr, as_text, in_legacy_str

_SDK: Final = "google.appengine"

GIVES: Final[dict[str, tuple[str, ...]]] = {
    f"{_SDK}.api.mail": ("EncodedPayload.decode",),
    f"{_SDK}.api.search.search": (
        "FacetRefinement.ToTokenString",
        "FacetResultValue.refinement_token",
    ),
    f"{_SDK}.api.taskqueue.taskqueue": (
        "Task.extract_params",
        "Task.headers",
        "Task.payload",
    ),
    f"{_SDK}.api.taskqueue.taskqueue_stub": ("TaskQueueServiceStub.GetTasks",),
    f"{_SDK}.datastore.datastore_query": (
        "Cursor.to_bytes",
        "Cursor.to_websafe_string",
        "Cursor.urlsafe",
    ),
    f"{_SDK}.ext.blobstore.blobstore": (
        "BlobReader.read",
        "BlobReader.readline",
        "BlobInfo.md5_hash",
        "FileInfo.md5_hash",
        "fetch_data",
    ),
    f"{_SDK}.ext.deferred.deferred": ("serialize",),
    f"{_SDK}.ext.ndb.key": ("Key.serialized", "Key.urlsafe"),
    f"{_SDK}.ext.ndb.polymodel": ("PolyModel._class_key",),
    f"{_SDK}.ext.ndb.query": ("Query.group_by", "Query.projection"),
    # get() asks get_all().
    "webapp2": ("Request.get_all",),
    "webapp2_extras.json": ("b64encode",),
    "webapp2_extras.securecookie": ("SecureCookieSerializer.serialize",),
    "webapp2_extras.xsrf": ("XSRFToken.generate_token_string",),
    "webob.compat": ("cgi_FieldStorage.__getattr__",),
    "webtest.response": ("TestResponse.normal_body",),
}
"""Module to functions, methods and properties whose bytes are text to an app."""

_Kept = tuple[str | int, ...]

TAKES: Final[dict[str, dict[str, _Kept]]] = {
    f"{_SDK}.api.images": {
        "delete_serving_url": (),
        "delete_serving_url_async": (),
        "get_serving_url": (),
        "get_serving_url_async": (),
    },
    f"{_SDK}.api.mail": {
        "check_email_valid": (),
        "invalid_email_reason": (),
        "is_email_valid": (),
        "send_mail": (),
        "send_mail_to_admins": (),
        "EmailMessage.__setattr__": (),
        "_EmailMessageBase.__setattr__": (),
    },
    f"{_SDK}.api.namespace_manager.namespace_manager": {
        "set_namespace": (),
        "validate_namespace": (),
    },
    f"{_SDK}.api.search.search": {
        "AtomFacet.__init__": (),
        "Cursor.__init__": (),
        "Document.__init__": (),
        "Facet.__init__": (),
        "FacetRequest.__init__": (),
        "FacetRefinement.__init__": (),
        "Field.__init__": (),
        "FieldExpression.__init__": (),
        "Index.__init__": (),
        "Index.delete_async": (),
        "Index.get_async": (),
        "Index.get_range_async": (),
        "Index.search_async": (),
        "Query.__init__": (),
        "QueryOptions.__init__": (),
        "SortExpression.__init__": (),
        "get_indexes_async": (),
    },
    f"{_SDK}.api.taskqueue.taskqueue": {
        "Queue.__init__": (),
        "Queue.delete_tasks_by_name_async": (),
        "Queue.lease_tasks_by_tag_async": (),
        "QueueStatistics.fetch_async": (),
        "Task.__init__": (1, "payload", "params"),
        "Task.add_async": (),
    },
    f"{_SDK}.api.urlfetch": {
        "fetch": (1, "payload"),
        "make_fetch_call": (2, "payload"),
    },
    f"{_SDK}.api.users": {
        "User.__init__": (),
        "create_login_url": (),
        "create_logout_url": (),
    },
    f"{_SDK}.ext.blobstore.blobstore": {
        "BlobInfo.get": (),
        "BlobReader.__init__": (),
        "create_upload_url_async": (),
        "delete_async": (),
        "fetch_data_async": (),
        "get": (),
    },
    f"{_SDK}.ext.db": {
        "GqlQuery.__init__": (),
        "GqlQuery.bind": (),
        "Model.get_by_key_name": (),
        "Model.get_or_insert": (),
        "Query.__init__": (),
        "Query.filter": (),
        "Query.order": (),
        "delete_async": (),
        "get_async": (),
    },
    f"{_SDK}.ext.ndb.blobstore": {
        "BlobInfo.get_async": (),
        "create_upload_url_async": (),
        "delete_async": (),
    },
    f"{_SDK}.ext.ndb.model": {
        "Model._get_or_insert_async": (),
    },
    f"{_SDK}.ext.ndb.query": {"gql": ()},
    "webapp2": {
        "RequestHandler.redirect": (),
        "Request.get_all": (),
        "Response.status": (),
        "import_string": (),
        "redirect": (),
    },
    "webob.response": {
        "Response.charset": (),
        "Response.content_disposition": (),
        "Response.content_encoding": (),
        "Response.content_language": (),
        "Response.content_type": (),
        "Response.etag": (),
        "Response.location": (),
        "Response.set_cookie": (),
        "Response.delete_cookie": (),
    },
}
"""Module to functions, and properties that are set, each with the arguments that stay
bytes, by place or name."""


TAKES_MESSAGES: Final[dict[str, tuple[str, ...]]] = {
    f"{_SDK}.api.apiproxy_stub": ("APIProxyStub.MakeSyncCall",),
    f"{_SDK}.api.apiproxy_stub_map": (
        "APIProxyStubMap.MakeSyncCall",
        "UserRPC.make_call",
    ),
    f"{_SDK}.api.datastore": ("Entity.FromPb", "Entity._FromPb"),
    f"{_SDK}.api.datastore_types": ("FromPropertyPb", "Key._FromPb"),
    f"{_SDK}.ext.db": ("model_from_protobuf",),
    f"{_SDK}.ext.ndb.model": ("ModelAdapter.pb_to_entity",),
}
"""Module to functions that may be given messages of legacy_messages.py."""


def changes() -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Yield each module's name with what to call with it once it is imported."""
    for name in sorted({*GIVES, *TAKES}):
        yield name, functools.partial(_change, name)


def message_changes() -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Yield the same for what may be given messages."""
    for name, paths in TAKES_MESSAGES.items():
        yield name, functools.partial(take_messages, paths)


def take_messages(paths: tuple[str, ...], module: Any) -> None:
    """Have functions of a module take the messages that an app makes.

    Args:
        paths: each from the module on.
        module: freshly imported.
    """
    for path in paths:
        _replace(module, path, _taking_messages)


def _change(name: str, module: Any) -> None:
    for path, kept in TAKES.get(name, {}).items():
        take = functools.partial(_taking_text, kept=frozenset(kept))
        _replace(module, path, take, sets=True)
    for path in GIVES.get(name, ()):
        _replace(module, path, _giving_text)


def member_at(module: Any, path: str) -> tuple[Any, str, Any]:
    """Return who has a member, its name, and the member itself, unbound.

    Raises:
        AttributeError: there is none; another version of the library, perhaps.
    """
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, module)
    return owner, name, inspect.getattr_static(owner, name)


def _replace(
    module: Any, path: str, change: Callable[[Any], Any], *, sets: bool = False
) -> None:
    """Change a function, or what a property is read with, or set with."""
    try:
        owner, name, member = member_at(module, path)
    except AttributeError:
        # tests/compat/test_text_rows.py asks for every row with the pinned versions.
        return
    if isinstance(member, property):
        get, put = member.fget, member.fset
        get, put = (get, change(put)) if sets else (change(get), put)
        changed: Any = property(get, put, member.fdel, member.__doc__)
    elif isinstance(member, (staticmethod, classmethod)):
        changed = type(member)(change(member.__func__))
    else:
        changed = change(member)
    setattr(owner, name, changed)


def _giving_text(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        return in_legacy_str(function(*args, **named))

    return wrapper


def _taking_text(
    function: Callable[..., Any], kept: frozenset[str | int]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        # A list, since each answer of webapp2 comes here: a generator takes longer.
        texts = [
            value if place in kept else texts_of(value)
            for place, value in enumerate(args)
        ]
        for name, value in named.items():
            if name not in kept:
                named[name] = texts_of(value)
        return function(*texts, **named)

    return wrapper


def _taking_messages(function: Callable[..., Any]) -> Callable[..., Any]:
    # Only now, when the SDK itself has imported Google's protobuf.
    from channelshim.compat.legacy_messages import LegacyMessage, unwrapped

    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        # An app's message is rare, and this runs for each entity that is read.
        for value in (*args, *named.values()) if named else args:
            if issubclass(type(value), LegacyMessage):
                break
        else:
            return function(*args, **named)
        for name, value in named.items():
            named[name] = unwrapped(value)
        return function(*map(unwrapped, args), **named)

    _plain_ways[wrapper] = function
    return wrapper


_plain_ways: Final[dict[Callable[..., Any], Callable[..., Any]]] = {}


def without_messages(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a function is without `take_messages`, if that has changed it.

    For callers who know that their arguments are the SDK's own messages.
    """
    return _plain_ways.get(function, function)


def texts_of(value: Any) -> Any:
    """Return a value with a LegacyStr as text, also in a list, tuple, set or dict."""
    if isinstance(value, LegacyStr):
        return as_text(value)
    kind = type(value)
    if kind is dict:
        if any(map(_is_legacy, value)) or any(map(_is_legacy, value.values())):
            return {as_text(key): as_text(each) for key, each in value.items()}
    elif (kind is list or kind is tuple or kind is set) and any(map(_is_legacy, value)):
        return kind(map(as_text, value))
    return value


def _is_legacy(value: Any) -> bool:
    return isinstance(value, LegacyStr)
