"""Which rows an entity has in an index."""

from __future__ import annotations

import pytest

from channelshim import limits
from channelshim.contracts.index_definitions import (
    IndexDefinition,
    TooManyIndexRows,
    ancestor_codes,
)
from channelshim.contracts.ordering import END, encode_path, invert

PATH = encode_path([("A", 1), ("B", "x")])
VALUES = {"a": [b"1", b"2"], "b": [b"3"]}


def test_built_in_index_has_a_row_for_each_value():
    assert IndexDefinition.single("a").row_values(PATH, VALUES) == [b"1", b"2"]
    assert IndexDefinition.single("c").row_values(PATH, VALUES) == ()


def test_composite_index_has_a_row_for_each_combination():
    definition = IndexDefinition((("b", False), ("a", True)))
    assert definition.row_values(PATH, VALUES) == [
        b"3" + invert(b"1"),
        b"3" + invert(b"2"),
    ]


def test_entity_that_lacks_a_property_is_not_in_the_index():
    definition = IndexDefinition((("a", False), ("c", False)))
    assert definition.row_values(PATH, VALUES) == []


def test_index_with_ancestors_has_rows_for_each_and_itself():
    definition = IndexDefinition((("b", False),), has_ancestor=True)
    assert definition.row_values(PATH, VALUES) == [
        encode_path([("A", 1)]) + END + b"3",
        PATH + END + b"3",
    ]
    assert len(ancestor_codes(PATH)) == 2


def test_combinations_are_bounded_before_they_are_made(monkeypatch):
    monkeypatch.setattr(limits, "STORE_MAXIMUM_INDEX_ROWS", 10)
    many = {"a": [b"%d" % n for n in range(4)], "b": [b"%d" % n for n in range(3)]}
    with pytest.raises(TooManyIndexRows, match="12 rows"):
        IndexDefinition((("a", False), ("b", False))).row_values(PATH, many)


@pytest.mark.parametrize(
    "definition",
    [
        IndexDefinition.single("é\n"),
        IndexDefinition((("a", True),)),
        IndexDefinition((("a", False), ("b", True)), has_ancestor=True),
    ],
)
def test_texts_come_back(definition):
    assert IndexDefinition.from_text(definition.to_text()) == definition


@pytest.mark.parametrize(
    ("definition", "is_built_in"),
    [
        (IndexDefinition.single("a"), True),
        (IndexDefinition((("a", True),)), False),
        (IndexDefinition((("a", False),), has_ancestor=True), False),
        (IndexDefinition((("a", False), ("b", False))), False),
    ],
)
def test_built_in_ones_are_known(definition, is_built_in):
    assert definition.is_built_in == is_built_in
