"""How a query is answered: which index, between which rows, or why by sorting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from channelshim.contracts.entities import Entities, Snapshot
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.services.datastore_v3 import metadata
from channelshim.services.datastore_v3.plan import Missing, Plan, make_plan
from channelshim.services.datastore_v3.queries import is_index_due, question_of
from channelshim.services.datastore_v3.sorting import all_candidates


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query is answered now.

    Attributes:
        sentence: for people.
        index: the index that is read, as `describe` says it; "" for none.
        missing: the index that would answer it; "" where none is missing.
        steps: what the store does, in its own words.
    """

    sentence: str
    index: str
    missing: str
    steps: Sequence[str]


def explain(entities: Entities, query: Any) -> Explanation:
    """Return how a datastore_pb.Query would be answered; nothing is built or changed.

    Raises:
        ApplicationError: the query is not one.
        StorageError: the store refuses.
    """
    question = question_of(query)
    if query.HasField("kind") and query.kind in metadata.PSEUDO_KINDS:
        sentence = "The catalogue of kinds and properties is read, and sorted."
        return Explanation(sentence, "", "", ())
    with entities.read() as snapshot:
        if question.shape is None:
            plan = all_candidates(snapshot, query)
            sentence = (
                "No index can answer it: every entity of the kind is read, filtered "
                "and sorted in memory."
            )
            return Explanation(sentence, "", "", _steps(snapshot, plan))
        found = make_plan(snapshot, question.shape)
        if isinstance(found, Plan):
            return _of_plan(snapshot, found)
        return _of_missing(snapshot, found, query)


def count(entities: Entities, query: Any, most: int) -> int | None:
    """Return how many results a query has, `most` at most.

    None where rows are more than results, or would have to be sorted.
    """
    question = question_of(query)
    is_catalogue = query.HasField("kind") and query.kind in metadata.PSEUDO_KINDS
    if question.shape is None or is_catalogue:
        return None
    with entities.read() as snapshot:
        plan = make_plan(snapshot, question.shape)
        if isinstance(plan, Missing) or plan.is_deduplicated or plan.shape.groups:
            return None
        return min(most, sum(snapshot.count(each, most) for each in plan.scans))


def describe(definition: IndexDefinition) -> str:
    """Return an index for people: "ancestor, name, date descending"."""
    parts = ["ancestor"] if definition.has_ancestor else []
    for name, is_descending in definition.properties:
        parts.append(f"{name} descending" if is_descending else name)
    return ", ".join(parts)


def _of_plan(snapshot: Snapshot, plan: Plan) -> Explanation:
    steps = _steps(snapshot, plan)
    if not plan.scans:
        return Explanation("Nothing can match: no entity has it.", "", "", steps)
    if plan.index is not None:
        index = describe(plan.index.definition)
        return Explanation("One index is read in its order.", index, "", steps)
    if plan.scans[0].index_id is not None:
        built_in = ", ".join(name for name, _ in plan.shape.equalities)
        sentence = "The built-in indexes of single properties are read."
        return Explanation(sentence, built_in, "", steps)
    return Explanation("The entities are read in the order of keys.", "", "", steps)


def _of_missing(snapshot: Snapshot, missing: Missing, query: Any) -> Explanation:
    index = describe(missing.definition)
    sentence = (
        "Its index is missing, and is built when the query first runs."
        if is_index_due(snapshot, missing, query)
        else "Few entities can match: they are read and sorted in memory. With more, "
        "an index is built."
    )
    return Explanation(sentence, "", index, _steps(snapshot, missing.candidates))


def _steps(snapshot: Snapshot, plan: Plan) -> Sequence[str]:
    return [step for scan in plan.scans for step in snapshot.explain(scan)]
