"""The search service: its indexes, their documents, a query to try."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from channelshim.console.asking import ask, chosen
from channelshim.console.page import PageHandler, Refused
from channelshim.contracts.search import Everything
from channelshim.services.admin import documents
from channelshim.services.admin.texts import clean

LIMIT: Final = 20
MOST_LIMIT: Final = 200
MOST_SKIPPED: Final = 1000
"""As App Engine's own bound for offsets."""


class SearchPage(PageHandler):
    """The indexes, by namespace."""

    template: ClassVar[str] = "search.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        with self.sources.store.search.read() as view:
            every = self.part(view.indexes())
            rows = [
                {
                    "namespace": clean(namespace),
                    "name": clean(name),
                    "documents": view.count(namespace, name, Everything()),
                    "bytes": view.size(namespace, name),
                    "fields": sorted(map(clean, view.schema(namespace, name))),
                    "link": urlencode({"namespace": namespace, "name": name}),
                }
                for namespace, name in every.rows
            ]
        return {"indexes": rows, "part": every}


class IndexPage(PageHandler):
    """The documents of one index."""

    template: ClassVar[str] = "search_index.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        namespace, name = self._index()
        query = self.request.GET.get("query", "").strip()
        limit = LIMIT if self.is_post else self.number("limit", LIMIT, 1, MOST_LIMIT)
        offset, after = 0, ""
        if query:
            offset = 0 if self.is_post else self.number("offset", 0, 0, MOST_SKIPPED)
            found = ask(self, documents.find, namespace, name, query, offset, limit)
        else:
            after = self.request.GET.get("after", "")
            found = ask(self, documents.listed, namespace, name, after, limit)
        last = found.documents[-1].document_id if found.has_more else ""
        return {
            "namespace": namespace,
            "name": name,
            "query": query,
            "found": found,
            "offset": offset,
            "limit": limit,
            "next": "" if query else last,
            "is_first": not (offset or after),
            "own": urlencode({"namespace": namespace, "name": name}),
        }

    def do_delete(self, **names: str) -> str:
        """Delete the documents that were chosen."""
        namespace, name = self._index()
        wanted = chosen(self, "document", MOST_LIMIT)
        if not wanted:
            raise Refused("Choose documents first.")
        ask(self, documents.delete, namespace, name, wanted)
        return f"Deleted: {len(wanted)}."

    def _index(self) -> tuple[str, str]:
        query = self.request.GET
        name = query.get("name", "")
        if not name:
            raise Refused("name is that of an index.")
        return query.get("namespace", ""), name
