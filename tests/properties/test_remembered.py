"""What is remembered to save time changes no answer, and stays within its bounds."""

from __future__ import annotations

import functools
import io
import itertools
import random
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from hypothesis import strategies as st

from channelshim.appserver import guard
from channelshim.compat.legacy_str import LegacyStr
from channelshim.hub import connections
from channelshim.hub.connections import FrameCache
from channelshim.protocol import frames
from channelshim.runtime import variables
from channelshim.server import environ as environments
from channelshim.server import response_bytes as heads
from channelshim.server.request import Request
from tests.exploring import Cases, explored


class EqualToAll(str):
    """A text that claims to be any other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("a")


class Raising(str):
    """A text that can neither be compared nor looked up."""

    def __eq__(self, other: object) -> NoReturn:
        raise ValueError("compared")

    def __hash__(self) -> NoReturn:
        raise ValueError("hashed")


def result_of(call: Callable[[], Any]) -> Any:
    """Return what call returns, or the error that it raises."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


# --- Frames ---------------------------------------------------------------------------

KINDS = (str, str, str, EqualToAll, Raising)

TEXTS = st.tuples(
    st.sampled_from(KINDS),
    st.one_of(
        st.sampled_from(["a", "b", "", "é", "中" * 50, "\ud800", "x" * 126]),
        st.integers(0, 2000).map(lambda size: "y" * size),
    ),
)


@explored(200, 20_000)
def test_each_text_has_its_own_frame(
    cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_CACHED_TEXTS", 4)
    monkeypatch.setattr(connections, "_CACHED_BYTES", 3000)

    def claim(shapes: list[tuple[type[str], str]]) -> None:
        cache = FrameCache()
        texts = tuple(kind(text) for kind, text in shapes)
        for text in texts:
            built = result_of(functools.partial(frames.text_frame, text))
            assert result_of(functools.partial(cache.frame, text)) == built
            assert len(cache._frames) <= 4
            assert cache._bytes == sum(map(len, cache._frames.values()))
            # One more than the bound, as one text is let in before it is noticed.
            assert cache._bytes <= 3000 + 2004
        joined = result_of(lambda: b"".join(map(frames.text_frame, texts)))
        assert result_of(lambda: cache.joined(texts)) == joined

    cases.check(claim, st.lists(TEXTS, max_size=12))


# --- Header lines of answers ---------------------------------------------------------

NAMES: list[Any] = ["a", "A", "x-b", "Content-Length", "connection", "x y", "é", "中"]
NAMES += [EqualToAll("x-c"), Raising("x-d"), LegacyStr(b"a"), b"a", 5, None, []]
VALUES: list[Any] = ["a", "b", "3", "4", "a\r\nb", "é", "中", "", "y" * 300]
VALUES += [EqualToAll("z"), Raising("z"), LegacyStr(b"a"), b"a", 5, True, None, []]


@explored(300, 20_000)
def test_an_answer_has_the_header_lines_that_were_given(
    cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: dict[Any, bytes] = {}
    monkeypatch.setattr(heads, "_MOST_LINES", 8)

    def answer(headers: list[tuple[Any, Any]]) -> Any:
        return result_of(lambda: heads.header_lines(headers))

    def claim(places: list[tuple[int, int]]) -> None:
        headers = [(NAMES[one], VALUES[other]) for one, other in places]
        monkeypatch.setattr(heads, "_lines", {})
        expected = answer(headers)
        # A value that is no plain text, or a bad one, is refused.
        assert isinstance(expected[0], list) or expected[0] is heads.BadAnswer, headers
        monkeypatch.setattr(heads, "_lines", remembered)
        for _ in range(2):
            assert answer(headers) == expected, headers
        assert len(remembered) <= 8
        assert all(type(part) is str for line in remembered for part in line)

    places = st.tuples(
        st.one_of(st.just(0), st.integers(0, len(NAMES) - 1)),
        st.one_of(st.just(0), st.integers(0, len(VALUES) - 1)),
    )
    cases.check(claim, st.lists(places, max_size=4))


# --- Header names of requests --------------------------------------------------------

PARTS = ["x", "app", "engine", "user", "google", "internal", "proxy", "host", "cookie"]
PARTS += ["content", "type", "length", "transfer", "encoding", "é", "ÿ", "ß", ".", ""]
PARTS += ["n" * 70, "appengine", "1"]


def random_name(chance: random.Random) -> bytes:
    """Return a header's name in any spelling, forbidden ones often."""
    parts = [chance.choice(PARTS) for _ in range(chance.randint(1, 4))]
    name = parts[0] + "".join(chance.choice("-_-") + part for part in parts[1:])
    spelling = chance.choice((str.lower, str.lower, str.upper, str.title, str))
    return spelling(name).encode("latin-1", "ignore")


def request_of(headers: list[tuple[bytes, bytes]]) -> Request:
    return Request("GET", "1.1", b"/", headers)


@explored(1000, 100_000)
def test_headers_mean_the_same_whatever_names_came_before(
    cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = cases.random()
    application = variables.Application("app")
    # Each request has a number of its own.
    monkeypatch.setattr(variables, "_numbers", itertools.repeat(1))
    caches: list[tuple[Any, str, Any]] = [
        (environments, "_MOST_KEYS", environments._keys),
        (guard, "_MAXIMUM_REMEMBERED", guard._harmless),
        (variables, "_MAXIMUM_REMEMBERED", variables._names),
    ]

    def read(request: Request, most: int) -> tuple[Any, ...]:
        for module, bound, cache in caches:
            monkeypatch.setattr(module, bound, most)
            if most == 0 or len(cache) >= 40:
                cache.clear()
        environ = environments.environ_of(request, io.BytesIO(), 0)
        del environ["wsgi.errors"], environ["wsgi.input"]
        clean = guard.clean(environ)
        return environ, clean, variables.request_variables(application, clean, None)

    for _ in range(cases.count):
        names = [random_name(chance) for _ in range(chance.randint(1, 6))]
        headers = [(name, chance.choice((b"1", b"2", b"\xe9"))) for name in names]
        request = request_of(headers)
        remembering = [read(request, 40) for _ in range(2)]
        for _, _, cache in caches:
            assert len(cache) <= 40
            assert all(len(name) <= 100 for name in cache), "a long name is remembered"
        expected = read(request, 0)
        assert remembering == [expected, expected], headers
        for key in expected[1]:
            plain = key.upper().replace("-", "_").replace("HTTP_", "", 1)
            for forbidden in ("X_APPENGINE", "XAPPENGINE", "X_GOOGLE_INTERNAL"):
                assert not plain.startswith(forbidden), headers
            assert plain != "PROXY", headers
        # Warm again with what others send.
        read(request_of([(random_name(chance), b"1") for _ in range(9)]), 40)
