"""Random writes and scans: an engine's rows are those of the store of dicts."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from channelshim.contracts.entities import EntityKey, Write
from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.ordering import TOP, encode_path
from channelshim.contracts.scan import Position, Scan
from tests.store.dict_store import DictStore, Disk

CODES = ["a", "b", "c"]
PATHS = [encode_path([("A", number)]) for number in range(1, 6)]
PATHS += [path + encode_path([("A", "child")]) for path in PATHS[:2]]
DEFINITIONS = (
    IndexDefinition.single("p"),
    IndexDefinition.single("q"),
    IndexDefinition((("p", False), ("q", True))),
    IndexDefinition((("q", True),), has_ancestor=True),
)


def values_of(body):
    """Bodies are JSON objects of lists of codes."""
    fields = json.loads(body)
    return {name: [code.encode() for code in codes] for name, codes in fields.items()}


def rarely(strategy, otherwise=None):
    """Return otherwise, but for one time in eight or so."""
    return st.integers(0, 7).flatmap(
        lambda chance: strategy if chance == 5 else st.just(otherwise)
    )


fields = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.sampled_from(CODES), min_size=1, max_size=3, unique=True)
        for name in ("p", "q")
    },
)
writes = st.tuples(
    st.sampled_from(PATHS), fields.flatmap(lambda made: rarely(st.none(), made))
)
codes = st.sampled_from([code.encode() for code in (*CODES, "ab", "bc")])
paths = st.sampled_from(PATHS)
positions = st.builds(Position, codes, paths, st.booleans())


@st.composite
def scans(draw):
    """Return the index to scan, None for keys, and a scan without its numbers.

    Most bounds are wide, or few rows would be left to compare.
    """
    definition = draw(st.sampled_from([None, *DEFINITIONS]))
    is_equality = definition in DEFINITIONS[:2] and draw(st.booleans())
    return definition, Scan(
        0,
        low=draw(codes if is_equality else rarely(codes, b"")),
        high=None if is_equality else draw(rarely(codes, TOP)),
        is_descending=draw(st.booleans()) and not is_equality,
        path_low=draw(rarely(paths, b"")),
        path_high=draw(rarely(paths)),
        is_path_descending=draw(st.booleans()),
        after=draw(rarely(positions)),
        until=draw(rarely(positions)),
    )


def read(entities, definition, scan, probed, limit, offset):
    """Return a scan's rows and how many there are, or None for no such index."""
    with entities.read() as snapshot:
        kind_id = snapshot.kind_id("", "A")
        if kind_id is None:
            return None
        numbers = {"kind_id": kind_id}
        if definition is not None:
            index = snapshot.index(kind_id, definition)
            if index is None:
                return None
            numbers["index_id"] = index.id
        other = snapshot.index(kind_id, IndexDefinition.single("q"))
        if probed is not None and other is not None:
            numbers["probes"] = ((other.id, probed),)
        scan = replace(scan, **numbers)
        rows = list(snapshot.rows(scan, bodies=True, limit=limit, offset=offset))
        keys = [row[:2] for row in snapshot.rows(scan, bodies=False)]
        return rows, keys, snapshot.count(scan, 3)


changes = st.lists(
    st.lists(writes, min_size=3, max_size=7, unique_by=lambda one: one[0]),
    min_size=1,
    max_size=4,
)
questions = st.lists(
    st.tuples(
        scans(),
        rarely(codes),
        rarely(st.integers(0, 4), -1),
        rarely(st.integers(1, 2), 0),
    ),
    min_size=1,
    max_size=20,
)


def test_rows_are_the_same(open_engine):
    engine = open_engine(values_of, clock=lambda: 1.0)

    @settings(deadline=None)
    @given(changes, questions, st.integers(0, 5))
    def look(batches, asked, built_after):
        engine.entities.clear()
        dicts = DictStore(Disk(), values_of, clock=lambda: 1.0)
        compare((engine, dicts), batches, asked, built_after)

    look()


def compare(stores, batches, asked, built_after):
    """Do the same with both stores, and look after it.

    Args:
        built_after: the batch before which the composite indexes are built.
    """
    for number, batch in enumerate([*batches, []]):
        if number == min(built_after, len(batches)):
            for store in stores:
                for definition in DEFINITIONS[2:]:
                    store.entities.build_index("", "A", definition)
        applied = []
        for store in stores:
            made = []
            for path, fields_of in batch:
                key = EntityKey("", "A", path)
                body = None if fields_of is None else json.dumps(fields_of).encode()
                made.append(Write(key, body, None if body is None else values_of(body)))
            applied.append(store.entities.apply(made).versions)
        assert applied[0] == applied[1]
    for (definition, scan), probed, limit, offset in asked:
        first, second = (
            read(store.entities, definition, scan, probed, limit, offset)
            for store in stores
        )
        assert first == second
