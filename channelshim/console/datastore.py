"""The datastore's pages: kinds and queries, indexes, keys, statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from channelshim.console import work
from channelshim.console.asking import ask, chosen
from channelshim.console.page import PageHandler, Refused
from channelshim.services.admin import (
    entities,
    indexes,
    keys,
    property_types,
    questions,
    statistics,
)
from channelshim.services.admin.questions import Condition, Question
from channelshim.services.admin.texts import clean

CONDITIONS: Final = 3
"""Lines of the form."""

MOST_LIMIT: Final = 200
MOST_KINDS: Final = 1000

SIZED: Final = 200_000
"""Entities of a store up to which sizes are shown unasked: each is looked at."""

_REPEATED: Final = ("name", "op", "type", "value")


class DatastorePage(PageHandler):
    """The kinds, and the entities that a query finds."""

    template: ClassVar[str] = "datastore.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        question = self._question()
        facts: dict[str, Any] = {
            **self._kinds(),
            "question": question,
            "conditions": self._lines(question),
            "operators": questions.OPERATORS,
            "types": property_types.LABELS,
            "answer": None,
            "plans": [],
            "total": None,
            "query": self._query(),
        }
        if question.kind or question.gql or self.text("run"):
            store = self.sources.store.entities
            facts["answer"] = ask(self, questions.ask, question)
            if not question.cursor:
                facts["total"] = ask(self, questions.count_of, question, store)
            if self.text("explain"):
                facts["plans"] = ask(self, questions.plan_of, question, store)
        return facts

    def do_delete(self, **names: str) -> str:
        """Delete the entities that were chosen."""
        wanted = chosen(self, "key")
        if not wanted:
            raise Refused("Choose entities first.")
        count = ask(self, entities.delete, wanted)
        return f"Deleted: {count} {'entity' if count == 1 else 'entities'}."

    def do_delete_all(self, **names: str) -> str:
        """Delete everything that the query finds, step by step."""
        question = self._question()
        if not (question.kind or question.gql):
            raise Refused("Choose a kind first.")
        if self.text("sure") != "yes":
            raise Refused("Tick the box that says that you are sure.")
        what = question.gql or question.kind
        steps = questions.delete_all(question, self.sources.store.entities)
        work.begin(self, f"Delete {clean(what)[:80]}", steps)
        return ""

    def _question(self) -> Question:
        sent = self._sent_lines()
        for number, line in enumerate(sent, 1):
            if line.text and not line.name:
                raise Refused(f"Condition {number} has a value and no property.")
        conditions = tuple(line for line in sent if line.name and line.operator)
        query = self.request.GET
        return Question(
            namespace=query.get("namespace", ""),
            kind=query.get("kind", ""),
            gql=query.get("gql", "").strip(),
            conditions=conditions,
            order=query.get("order", ""),
            ancestor=query.get("ancestor", "").strip(),
            is_keys_only=bool(query.get("keys_only", "")),
            cursor="" if self.is_post else query.get("cursor", ""),
            limit=self._limit(),
        )

    def _limit(self) -> int:
        # Of the address, in the middle of a form that is sent as well.
        return 20 if self.is_post else self.number("limit", 20, 1, MOST_LIMIT)

    def _sent_lines(self) -> list[Condition]:
        query = self.request.GET
        return [
            Condition(*(query.get(f"{part}{number}", "") for part in _REPEATED))
            for number in range(CONDITIONS)
        ]

    def _lines(self, question: Question) -> list[Condition]:
        lines = list(question.conditions)
        empty = Condition("", "=", "string", "")
        return [*lines, *[empty] * (CONDITIONS - len(lines))]

    def _query(self) -> dict[str, str]:
        """Return the parameters that stay when the page or the order changes."""
        left_out = {"cursor", "message", "format", "order"}
        return {k: v for k, v in self.request.GET.items() if k not in left_out and v}

    def _kinds(self) -> dict[str, Any]:
        counts = self.sources.store.entities.summary()
        sizes: Any = {}
        if sum(counts.values()) <= SIZED or self.text("sizes"):
            sizes = self.sources.store.entities.sizes()
        kinds = [
            {
                "namespace": clean(namespace),
                "kind": clean(kind),
                "count": count,
                "bytes": sizes[namespace, kind].bytes if sizes else None,
                "link": urlencode({"namespace": namespace, "kind": kind}),
            }
            for (namespace, kind), count in sorted(counts.items())
        ]
        return {
            "kinds": kinds[:MOST_KINDS],
            "hidden_kinds": max(0, len(kinds) - MOST_KINDS),
            "namespaces": sorted({each["namespace"] for each in kinds}),
            "has_sizes": bool(sizes) or not kinds,
        }


class IndexesPage(PageHandler):
    """What index.yaml defines, what is built, and which queries read it."""

    template: ClassVar[str] = "datastore_indexes.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        store = self.sources.store.entities
        built = ask(self, indexes.built, store)
        return {
            "defined": ask(self, indexes.defined),
            "composite": [each for each in built if not each.is_built_in],
            "built_in": [each for each in built if each.is_built_in],
            "counted": indexes.COUNTED_ROWS,
        }


class KeyPage(PageHandler):
    """What a key says."""

    template: ClassVar[str] = "datastore_key.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        key, namespace = self.text("key").strip(), self.text("namespace")
        decoded = None
        if key:
            decoded = ask(self, lambda: keys.facts_of(keys.decode(key, namespace)))
        return {"key": key, "namespace": namespace, "decoded": decoded}


class StatisticsPage(PageHandler):
    """The statistics of the datastore, and a button that makes them."""

    template: ClassVar[str] = "datastore_statistics.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        return {
            "total": list(self._rows("__Stat_Total__")),
            "by_namespace": list(self._rows("__Stat_Namespace__")),
            "by_kind": list(self._rows("__Stat_Kind__", "-bytes")),
        }

    def do_generate(self, **names: str) -> str:
        """Count everything, step by step."""
        steps = statistics.generate(
            self.sources.store.entities, self.sources.clock.time()
        )
        work.begin(self, "Generate the datastore's statistics", steps)
        return ""

    def _rows(self, kind: str, order: str = "") -> Iterator[dict[str, Any]]:
        question = Question(kind=kind, order=order, limit=MOST_LIMIT)
        for row in ask(self, questions.ask, question).rows:
            yield {name: cells[0].text for name, cells in row.cells.items()}
