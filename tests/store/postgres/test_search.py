"""Words that are longer than PostgreSQL's indexes take."""

from __future__ import annotations

import random
import string

import pytest

from channelshim.contracts.search import HasPrefix, HasTerm, SearchDocument

# PostgreSQL packs what repeats itself.
_letters = random.Random(1)
LETTERS = "".join(_letters.choices(string.ascii_lowercase, k=9000))
LONG = LETTERS[:4895]

WORDS = [
    LONG[:1895],
    LONG[:1905],
    LONG,
    LONG + "y",
    "".join(chr(0xE9 + ord(letter)) for letter in LETTERS[5000:]),
    "\x00".join(LETTERS[5000:]),
    "short",
]


def document(number, word):
    return SearchDocument(
        document_id=f"d{number}",
        rank=number,
        size=1,
        body=f"body {number}".encode(),
        terms=frozenset({f"x:{word}"}),
        frequencies={word: number + 1},
        numbers=[],
        sort_keys={},
    )


@pytest.fixture
def view(open_store):
    with open_store().search.write() as opened:
        opened.add_index("", "i")
        for number, word in enumerate(WORDS):
            opened.put("", "i", document(number, word))
        yield opened


def found(view, condition):
    bodies = view.bodies(view.find("", "i", condition))
    return sorted(int(body.split()[1]) for body in bodies)


@pytest.mark.parametrize("number", range(len(WORDS)))
def test_long_word_is_found_alone(view, number):
    word = WORDS[number]
    assert found(view, HasTerm(f"x:{word}")) == [number]
    (own,) = view.find("", "i", HasTerm(f"x:{word}"))
    every = [view.number("", "i", f"d{each}") for each in range(len(WORDS))]
    assert view.frequencies(every, word) == {own: number + 1}


@pytest.mark.parametrize("length", [1, 1880, 1895, 1900, 1901, 1905, 3000, 4895, 4896])
def test_prefixes_of_any_length(view, length):
    prefix = (LONG + "y")[:length]
    expected = [n for n, word in enumerate(WORDS) if word.startswith(prefix)]
    assert found(view, HasPrefix(f"x:{prefix}")) == expected


def test_document_with_long_words_goes_whole(view):
    for number in range(len(WORDS)):
        view.delete("", "i", f"d{number}")
    for table in ("search_posting", "search_frequency"):
        assert view._connection.row(f"SELECT count(*) FROM {table}") == (0,)
