"""The service `search`: Google's stub over indexes that the store keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.appengine.api.search import (
    query_parser,
    search_service_pb2,
    simple_search_stub,
)
from google.appengine.api.search.stub import (
    document_matcher,
    expression_evaluator,
)
from google.appengine.runtime import apiproxy_errors

from channelshim.contracts.search import SearchIndexes, SearchView
from channelshim.errors import StorageError
from channelshim.services.search_import import import_old_file
from channelshim.services.search_index import StoredIndex
from channelshim.services.stubs import EagerStub

_REFUSALS = (
    query_parser.QueryException,
    expression_evaluator.ExpressionEvaluationError,
    document_matcher.ExpressionTreeException,
    simple_search_stub._InvalidCursorException,
)


class SearchService(EagerStub, simple_search_stub.SearchServiceStub):  # type: ignore[misc]
    """The stub, over the store; any thread.

    Args:
        indexes: the store's.
        old_file: where an older channelshim kept all indexes; read in, and renamed.
    """

    THREADSAFE = True

    def __init__(self, indexes: SearchIndexes, old_file: Path) -> None:
        super().__init__()
        self._stored = indexes
        self._local = threading.local()
        import_old_file(old_file, indexes)

    def translate(self, error: StorageError) -> Exception:
        """Return the API's error for one of the store's."""
        code = search_service_pb2.SearchServiceError.TRANSIENT_ERROR
        return apiproxy_errors.ApplicationError(code, str(error))  # type: ignore[no-any-return]

    @contextmanager
    def _using(self, view: SearchView) -> Iterator[None]:
        self._local.view = view
        try:
            yield
        finally:
            del self._local.view

    def _GetIndex(self, index_spec: Any, create: bool = False) -> StoredIndex | None:
        view: SearchView = self._local.view
        spec = search_service_pb2.IndexSpec()
        spec.CopyFrom(index_spec)
        spec.namespace = self._GetNamespace(index_spec.namespace)
        if create:
            view.add_index(spec.namespace, spec.name)
        elif not view.has_index(spec.namespace, spec.name):
            return None
        return StoredIndex(view, spec)

    def _Dynamic_IndexDocument(self, request: Any, response: Any) -> None:
        with self._stored.write() as view, self._using(view):
            super()._Dynamic_IndexDocument(request, response)

    def _Dynamic_DeleteDocument(self, request: Any, response: Any) -> None:
        with self._stored.write() as view, self._using(view):
            super()._Dynamic_DeleteDocument(request, response)

    def _Dynamic_DeleteSchema(self, request: Any, response: Any) -> None:
        with self._stored.write() as view, self._using(view):
            super()._Dynamic_DeleteSchema(request, response)

    def _Dynamic_ListIndexes(self, request: Any, response: Any) -> None:
        with self._stored.read() as view:
            indexes: dict[str, dict[str, StoredIndex]] = {}
            for namespace, name in view.indexes():
                spec = search_service_pb2.IndexSpec(name=name, namespace=namespace)
                indexes.setdefault(namespace, {})[name] = StoredIndex(view, spec)
            if not indexes:
                response.status.code = search_service_pb2.SearchServiceError.OK
                return
            lister = simple_search_stub.SearchServiceStub.__new__(_Lister)
            lister.show(indexes)
            lister._Dynamic_ListIndexes(request, response)

    def _Dynamic_ListDocuments(self, request: Any, response: Any) -> None:
        params = request.params
        response.status.code = search_service_pb2.SearchServiceError.OK
        with self._stored.read() as view, self._using(view):
            index = self._GetIndex(params.index_spec)
            if index is None:
                return
            has_start = params.HasField("start_doc_id")
            documents = index.listed(
                params.start_doc_id if has_start else "",
                with_start=not has_start or params.include_start_doc,
                limit=params.limit,
            )
        for document in documents:
            self._AddDocument(response, document, params.keys_only)

    def _Dynamic_Search(self, request: Any, response: Any) -> None:
        with self._stored.read() as view, self._using(view):
            super()._Dynamic_Search(self._without_cursor(request), response)

    def _without_cursor(self, request: Any) -> Any:
        """Return a request that says by an offset what its cursor says.

        The stub looks for a cursor's document in all results.
        """
        params = request.params
        if not params.HasField("cursor") or params.facet_refinement:
            return request
        index = self._GetIndex(params.index_spec)
        if index is None:
            return request
        try:
            results = index.Search(params)
            document_id = self._DecodeCursor(params.cursor.encode(), params.query)
        except _REFUSALS:
            # The stub says why.
            return request
        number = index.number(document_id)
        changed = search_service_pb2.SearchRequest()
        changed.CopyFrom(request)
        changed.params.ClearField("cursor")
        place = -1 if number is None else results.place_of(number)
        changed.params.offset = place + 1
        return changed


class _Lister(simple_search_stub.SearchServiceStub):  # type: ignore[misc]
    """The stub's way to list indexes, over those of one view."""

    def show(self, indexes: dict[str, dict[str, StoredIndex]]) -> None:
        """List these, by namespace and name."""
        self._SearchServiceStub__indexes = indexes

    def _AddStorageInformation(self, index: StoredIndex, metadata_pb: Any) -> None:
        metadata_pb.storage.amount_used = index.size
        metadata_pb.storage.limit = self._MAX_STORAGE_LIMIT


def make_search_service(indexes: SearchIndexes, old_file: Path) -> SearchService:
    """Return the service; see SearchService."""
    return SearchService(indexes, old_file)
