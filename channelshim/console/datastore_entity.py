"""One entity: looked at, edited by its types, made, deleted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from channelshim.console.asking import ask
from channelshim.console.page import PageHandler, Refused
from channelshim.services.admin import entities, property_types, questions
from channelshim.services.admin.entities import Entity, NewField
from channelshim.services.admin.fields import Field
from channelshim.services.admin.questions import Question

EMPTY_ROWS: Final = 3
MOST_EMPTY_ROWS: Final = 50

_INSIDE: Final = re.compile(r"\d{1,5}(\.\d{1,5}){0,9}", re.ASCII)
_ROW: Final = re.compile(r"type-(\d{1,5})", re.ASCII)


class _Form(PageHandler):
    """What the page of an entity and that of a new one share."""

    def _new_fields(self) -> list[NewField]:
        """Return the rows of the form, in their order."""
        found = (_ROW.fullmatch(name) for name in self.request.POST)
        numbers = sorted({int(match[1]) for match in found if match})
        rows = [self._row(number) for number in numbers]
        # An empty row is one that nobody has filled in.
        return [row for row in rows if row.number is not None or row.name]

    def _row(self, place: int) -> NewField:
        number = self.number(f"number-{place}", -1, -1, 100_000)
        return NewField(
            number if number >= 0 else None,
            self.text(f"name-{place}"),
            self.text(f"type-{place}"),
            self.text(f"text-{place}"),
            bool(self.text(f"indexed-{place}")),
            bool(self.text(f"multiple-{place}")),
            bool(self.text(f"remove-{place}")),
        )

    def _empty_rows(self) -> list[Field]:
        count = (
            0 if self.is_post else self.number("rows", EMPTY_ROWS, 0, MOST_EMPTY_ROWS)
        )
        empty = Field("", "string", "", "", is_indexed=True, is_multiple=False)
        return [empty] * count

    def _again(self, error: Refused, facts: dict[str, Any]) -> None:
        """Show the form as it was sent, with what is wrong."""
        sent = self._new_fields()
        shown = [
            Field(
                row.name,
                row.type,
                row.text,
                "",
                is_indexed=row.is_indexed,
                is_multiple=row.is_multiple,
                is_editable=row.type != property_types.OTHER,
            )
            for row in sent
        ]
        rows = _rows(shown, [row.number for row in sent], self._empty_rows())
        self.answer({**facts, "rows": rows}, int(error.status), error.sentence)


class EntityPage(_Form):
    """An entity, or one within it."""

    template: ClassVar[str] = "datastore_entity.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        entity = self._entity()
        numbers: list[int | None] = list(range(len(entity.fields)))
        return {
            "entity": entity,
            "key": self._key(),
            "inside": ".".join(map(str, self._inside())),
            "rows": _rows(entity.fields, numbers, self._empty_rows()),
            "types": property_types.LABELS,
            "links": self._links(),
        }

    def do_save(self, **names: str) -> str:
        """Write what the form says."""
        try:
            ask(
                self,
                entities.save,
                self._key(),
                self._new_fields(),
                self.text("seen"),
                self._inside(),
            )
        except Refused as error:
            self._again(error, self.facts())
            return ""
        return "Saved."

    def do_delete(self, **names: str) -> str:
        """Delete the entity."""
        ask(self, entities.delete, [self._key()])
        self.done("Deleted.", "/datastore")
        return ""

    def _entity(self) -> Entity:
        entity = ask(self, entities.read, self._key(), self._inside())
        if entity is None:
            raise Refused("There is no entity of this key.", HTTPStatus.NOT_FOUND)
        return entity

    def _key(self) -> str:
        key: str = self.request.GET.get("key", "")
        return key

    def _inside(self) -> tuple[int, ...]:
        text = self.request.GET.get("inside", "")
        if not text:
            return ()
        if _INSIDE.fullmatch(text) is None:
            raise Refused('inside is written as numbers of fields, like "3.0".')
        return tuple(int(part) for part in text.split("."))

    def _links(self) -> dict[str, str]:
        key, inside = self._key(), self._inside()
        links = {"nested": urlencode({"key": key}) + "&inside="}
        if inside:
            links["nested"] += ".".join(map(str, inside)) + "."
            outer = {"key": key}
            if inside[1:]:
                outer["inside"] = ".".join(map(str, inside[:-1]))
            links["outer"] = urlencode(outer)
        return links


class NewEntityPage(_Form):
    """The form of a new entity, with the fields that its kind has."""

    template: ClassVar[str] = "datastore_new.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        query = self.request.POST if self.is_post else self.request.GET
        kind, namespace = query.get("kind", ""), query.get("namespace", "")
        known = [] if self.is_post else self._known_fields(kind, namespace)
        numbers: list[int | None] = [None] * len(known)
        return {
            "kind": kind,
            "namespace": namespace,
            "parent": query.get("parent", ""),
            "identifier": query.get("identifier", ""),
            "is_name": bool(query.get("is_name", "")),
            "rows": _rows(known, numbers, self._empty_rows()),
            "types": property_types.LABELS,
        }

    def do_create(self, **names: str) -> str:
        """Write the new entity."""
        try:
            key = ask(
                self,
                entities.create,
                self.text("kind").strip(),
                self._new_fields(),
                namespace=self.text("namespace").strip(),
                parent=self.text("parent").strip(),
                identifier=self.text("identifier"),
                is_name=bool(self.text("is_name")),
            )
        except Refused as error:
            self._again(error, self.facts())
            return ""
        self.done("Created.", f"/datastore/entity?{urlencode({'key': key})}")
        return ""

    def _known_fields(self, kind: str, namespace: str) -> list[Field]:
        """Return the fields of the kind's first entity, empty."""
        if not kind:
            return []
        question = Question(kind=kind, namespace=namespace, limit=1)
        answer = ask(self, questions.ask, question)
        return [
            Field(
                name,
                cells[0].type if cells[0].type in property_types.TYPES else "string",
                "",
                "",
                is_indexed=cells[0].is_indexed,
                is_multiple=cells[0].is_multiple,
            )
            for row in answer.rows
            for name, cells in row.cells.items()
        ]


def _rows(
    known: Sequence[Field], numbers: Sequence[int | None], empty: Sequence[Field]
) -> list[dict[str, Any]]:
    """Return the rows of a form: each field with its number in the entity."""
    both = [*zip(known, numbers, strict=True), *((field, None) for field in empty)]
    return [
        {"place": place, "number": number, "field": field}
        for place, (field, number) in enumerate(both)
    ]
