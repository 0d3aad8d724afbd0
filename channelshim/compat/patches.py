"""The one table of what is changed in other people's modules, and until when."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from channelshim.compat import (
    access_tokens,
    background_threads,
    default_namespaces,
    legacy_modules,
    legacy_str_models,
    legacy_str_uses,
    legacy_text,
    legacy_unittest,
    legacy_webob,
    list_cursors,
    lists_again,
    mail_headers,
    native_environs,
    ndb_marks,
    ndb_tuning,
    old_library_names,
    old_pickles,
    search_facets,
    tracebacks,
    upload_guard,
    wsgi_wrapping,
)

_ALWAYS: Final = "as long as code of Python 2.7 runs here"
_SDK: Final = "until the SDK does so itself"
_MARKS: Final = "a put looks for ndb's marks in os.environ a hundred times"
_BYTES: Final = "takes bytes that are text where 2.7 had one type"
_NAMES: Final = "names and arguments that a library renamed or dropped"
_NATIVE: Final = "a WSGI function in 2.7 calls it, with native strings"
_MESSAGES: Final = "takes the messages of entity_pb and its like"
_LISTS: Final = "takes what was a list in 2.7: map(), range(), dict.keys()"


@dataclass(frozen=True, slots=True)
class Patch:
    """A change to one module, made right after it is imported.

    Attributes:
        module: its dotted name; nothing is imported for the sake of a patch.
        function: called once with the freshly imported module.
        why: what legacy code lacks without it.
        until: the condition for its removal.
    """

    module: str
    function: Callable[[Any], None]
    why: str
    until: str


_GOOGLE = "google.appengine"
_BACKGROUND = f"{_GOOGLE}.api.background_thread"

PATCHES: Final[tuple[Patch, ...]] = (
    Patch(
        "webapp2",
        legacy_modules.patch_webapp2,
        "responses take bytes, odd paths match",
        _ALWAYS,
    ),
    Patch(
        "webapp2",
        tracebacks.patch_webapp2,
        "errors show the app's own frames, and what to write where text meets bytes",
        _ALWAYS,
    ),
    Patch("cgi", legacy_modules.patch_cgi, "cgi.escape, dropped in 3.8", _ALWAYS),
    Patch("cgi", legacy_modules.patch_cgi_forms, "forms of the request", _ALWAYS),
    Patch(
        "unittest.case",
        legacy_unittest.patch_unittest,
        "assertions of 2.7 that were dropped by 3.12",
        _ALWAYS,
    ),
    Patch("json.encoder", legacy_str_uses.patch_json, _BYTES, _ALWAYS),
    Patch("simplejson.encoder", legacy_str_uses.patch_json, _BYTES, _ALWAYS),
    Patch("urllib.parse", legacy_str_uses.patch_urllib, _BYTES, _ALWAYS),
    Patch(f"{_GOOGLE}.api.memcache", legacy_str_uses.patch_memcache, _BYTES, _ALWAYS),
    Patch(f"{_GOOGLE}.api.urlfetch", legacy_str_uses.patch_urlfetch, _BYTES, _ALWAYS),
    Patch(
        f"{_GOOGLE}.api.datastore_types",
        legacy_str_models.patch_datastore_types,
        _BYTES,
        _ALWAYS,
    ),
    Patch(f"{_GOOGLE}.api.datastore", legacy_str_uses.patch_datastore, _BYTES, _ALWAYS),
    Patch(f"{_GOOGLE}.ext.db", legacy_str_uses.patch_db, _BYTES, _ALWAYS),
    Patch(f"{_GOOGLE}.ext.ndb.key", legacy_str_uses.patch_ndb_key, _BYTES, _ALWAYS),
    Patch(f"{_GOOGLE}.api.datastore", ndb_marks.find_connection, _MARKS, _SDK),
    Patch(f"{_GOOGLE}.api.full_app_id", ndb_marks.find_application_id, _MARKS, _SDK),
    Patch(f"{_GOOGLE}.ext.ndb.tasklets", ndb_marks.find_context, _MARKS, _SDK),
    Patch(f"{_GOOGLE}.ext.ndb.eventloop", ndb_marks.find_event_loop, _MARKS, _SDK),
    Patch(f"{_GOOGLE}.api.mail", legacy_str_uses.patch_mail, _BYTES, _ALWAYS),
    Patch(
        f"{_GOOGLE}.api.apiproxy_stub_map",
        legacy_str_uses.patch_calls,
        _BYTES,
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.api.datastore_errors",
        legacy_str_uses.patch_datastore_errors,
        "sentences of errors",
        _ALWAYS,
    ),
    Patch("webob.headers", legacy_webob.patch_headers, _BYTES, _ALWAYS),
    Patch("webob.request", legacy_webob.patch_request, _BYTES, _ALWAYS),
    Patch("webob.response", legacy_webob.patch_response, _BYTES, _ALWAYS),
    *(
        Patch(module, function, _NATIVE, _ALWAYS)
        for module, function in native_environs.changes()
    ),
    *(
        Patch(module, function, _NAMES, _ALWAYS)
        for module, function in old_library_names.changes()
    ),
    *(
        Patch(module, function, _BYTES, _ALWAYS)
        for module, function in legacy_text.changes()
    ),
    Patch(
        "google.protobuf.message",
        legacy_str_uses.patch_protobuf,
        "entity.Encode()",
        _ALWAYS,
    ),
    # Before what compares how entities are made.
    Patch(
        f"{_GOOGLE}.ext.ndb.model",
        functools.partial(legacy_text.take_messages, ("Model._from_pb",)),
        _MESSAGES,
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.ext.ndb.model", legacy_str_models.patch_ndb_model, _BYTES, _ALWAYS
    ),
    Patch(f"{_GOOGLE}.ext.ndb.model", lists_again.patch_ndb_model, _LISTS, _ALWAYS),
    Patch(f"{_GOOGLE}.ext.db", lists_again.patch_db, _LISTS, _ALWAYS),
    Patch(
        f"{_GOOGLE}.ext.ndb.model",
        old_pickles.patch_ndb_model,
        "values that 2.7 pickled",
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.datastore.datastore_stub_util",
        list_cursors.read_lists,
        "the second page of an equality and a bound on one list",
        _SDK,
    ),
    Patch(
        "google.protobuf.internal",
        ndb_tuning.put_off_pure_python,
        "messages in C do without those in Python",
        "until protobuf imports the latter only where it uses them",
    ),
    Patch(
        f"{_GOOGLE}.datastore",
        ndb_tuning.put_off_indexes,
        "importing ndb reads no YAML library, which one error's sentence needs",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.ext.ndb.utils",
        ndb_tuning.stop_walking_stacks,
        "ndb formats the stack for each future, for debug logs nobody asked for",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.ext.ndb.query",
        ndb_tuning.iterate_by_batches,
        "an iterator of queries that costs no future for each entity",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.ext.ndb.model",
        ndb_tuning.make_entities_at_once,
        "entities that are read are made without their constructors' checks",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.ext.ndb.model",
        ndb_tuning.read_text_as_text,
        "text of an Expando comes back as text",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.ext.ndb.context",
        ndb_tuning.accept_read_only,
        "transaction(read_only=True), documented and refused",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.ext.ndb.context",
        ndb_tuning.follow_memcache_policy,
        "the setting ndb_memcache",
        "as long as ndb has no such option of its own",
    ),
    Patch(
        f"{_GOOGLE}.ext.blobstore.blobstore",
        upload_guard.check_uploads,
        "a request can only claim blobs that it has uploaded",
        "as long as apps read uploads from the request's own body",
    ),
    Patch(
        f"{_GOOGLE}.api.app_identity._metadata_server",
        access_tokens.fall_back,
        "an access token where there is no metadata server to ask",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.ext.deferred.deferred",
        legacy_modules.patch_deferred,
        "deferred.TaskHandler, for an app's own routes",
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.api.modules.modules",
        legacy_modules.patch_modules,
        "get_modules() and get_versions() return lists",
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.api.runtime.runtime",
        legacy_modules.patch_runtime,
        "memory_usage().current() as well as memory_usage().current",
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.api.taskqueue.taskqueue",
        legacy_modules.patch_taskqueue,
        "a task's target need not run here",
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.api",
        wsgi_wrapping.use_ours,
        "wrap_wsgi_app() without a second threading, and without trust in headers",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.api.namespace_manager.namespace_manager",
        default_namespaces.ask_hook,
        "namespace_manager_default_namespace_for_request() of appengine_config.py",
        _ALWAYS,
    ),
    *(
        Patch(module, function, _MESSAGES, _ALWAYS)
        for module, function in legacy_text.message_changes()
    ),
    Patch(
        f"{_GOOGLE}.api.mail",
        mail_headers.join_as_before,
        "one blank where an incoming mail's encoded name ends",
        _SDK,
    ),
    Patch(
        f"{_GOOGLE}.api.search.stub.simple_facet",
        search_facets.label_ranges,
        "FacetRequest with ranges",
        _SDK,
    ),
    # A package has names of its own for what its module defines, and may be there.
    Patch(
        f"{_GOOGLE}.api.modules",
        legacy_modules.patch_modules,
        "get_modules() and get_versions() return lists",
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.api.runtime",
        legacy_modules.patch_runtime,
        "memory_usage().current() as well as memory_usage().current",
        _ALWAYS,
    ),
    Patch(
        f"{_GOOGLE}.api.namespace_manager",
        default_namespaces.copy_from_module,
        "namespace_manager_default_namespace_for_request() of appengine_config.py",
        _ALWAYS,
    ),
    Patch(
        f"{_BACKGROUND}.background_thread",
        background_threads.use_ours,
        "BackgroundThread can be joined on Python 3.13",
        _SDK,
    ),
    Patch(
        _BACKGROUND,
        background_threads.use_ours,
        "BackgroundThread can be joined on Python 3.13",
        _SDK,
    ),
)
"""Applied in this order."""

HIDDEN: Final = (("google.api_core", f"{_GOOGLE}.api.taskqueue.cloudtask"),)
"""(module, importer): see import_hooks.hide_while_importing."""

FALLBACKS: Final = {"mock": "unittest.mock", "unittest2": "unittest"}
"""Names that old suites import; the standard library answers if nobody else does."""
