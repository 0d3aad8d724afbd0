"""send_message's short way accepts, refuses and publishes what the long one does."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

import hypothesis
import pytest
from google.appengine.api import apiproxy_stub_map
from hypothesis import strategies as st

from channelshim import appengine
from channelshim.compat import api_proxy as proxy
from channelshim.compat.legacy_str import LegacyStr
from channelshim.protocol.tokens import TokenClaims, TokenSigner
from channelshim.services.channel import ChannelService
from tests.exploring import Cases, explored
from tests.stepped_clock import SteppedClock

SIGNER = TokenSigner([b"s" * 32])


class Text(str):
    """A text of an app's own kind."""


class EqualToAll(str):
    """A text that claims to be any other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("ann")


class Unlike(str):
    """A text that claims not even to be itself."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


class Raising(str):
    """A text that can neither be compared nor looked up."""

    def __eq__(self, other: object) -> NoReturn:
        raise ValueError("compared")

    def __hash__(self) -> NoReturn:
        raise ValueError("hashed")


class NoText:
    """No text, but equal to one, with its hash."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("ann")


class Bytes(bytes):
    """Bytes of an app's own kind."""


def values_of(text: str) -> list[Any]:
    """Return what an app may give for text, and what only looks like it."""
    kinds = (Text, EqualToAll, Unlike, Raising)
    raw = text.encode("utf-8", "surrogatepass")
    return [
        text,
        "".join(list(text)),
        raw,
        Bytes(raw),
        LegacyStr(raw),
        *[kind(text) for kind in kinds],
        bytearray(raw),
        memoryview(raw),
    ]


def token(client_id: str, expires_at: int) -> str:
    return SIGNER.sign(TokenClaims(client_id, expires_at, 0, b"n" * 8))


NO_TEXTS = [1, True, 1.0, 0, None, [], {}, ("ann",), NoText(), object()]
OPEN, EXPIRED = token("ann", 1 << 40), token("ann", 1)
IDS = [
    "ann",
    "",
    "1",
    "True",
    "x" * 256,
    "x" * 257,
    "é" * 128,
    "é" * 129,
    "\ud800",
    "\udcff",
    OPEN,
    EXPIRED,
    OPEN[:-1] + "~",
    "x" * 300 + "." + "y" * 43,
]
MESSAGES = ["m", "ann", "?", "\ud800", "\ufffd", "", "x" * 32767, "x" * 32768, "中"]
CLIENT_IDS = [value for text in IDS for value in values_of(text)]
CLIENT_IDS += [b"\xff", LegacyStr(b"\xff"), *NO_TEXTS]
TEXTS = [value for text in MESSAGES for value in values_of(text)]
TEXTS += [b"\xff", LegacyStr(b"\xff"), *NO_TEXTS]

# By their places: hypothesis itself looks values up and compares them. The first, which
# is a good one, most often, so that what follows must be told from what is remembered.
CALLS = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, len(CLIENT_IDS) - 1)),
        st.one_of(st.just(0), st.integers(0, len(TEXTS) - 1)),
    ),
    min_size=1,
    max_size=12,
)


class Way:
    """A channel service that writes down, and what it has published."""

    def __init__(self) -> None:
        self.published: list[tuple[type, str, type, str]] = []
        broker: Any = self
        self.service = ChannelService(SIGNER, broker, SteppedClock(), lambda: b"n" * 8)

    def publish(self, client_id: Any, text: Any) -> None:
        """See contracts.Broker."""
        shown = (str.__str__(client_id), str.__str__(text))
        self.published.append((type(client_id), shown[0], type(text), shown[1]))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    appengine.install()
    monkeypatch.setenv("SERVER_SOFTWARE", "Development/2.0")
    found: Any = importlib.import_module("google.appengine.api.channel.channel")
    usual = apiproxy_stub_map.apiproxy
    yield found
    apiproxy_stub_map.apiproxy = usual
    forget(found)


def forget(module: Any) -> None:
    module._checked_ids.clear()
    module._checked = (object(), object())


def outcomes(
    module: Any, calls: list[tuple[Any, Any]], *, remembers: bool
) -> tuple[list[Any], Way]:
    """Return the error of each call, None for none, and what was published."""
    way = Way()
    stubs = proxy.LazyStubMap({"channel": lambda: way.service})
    stubs.GetStub("channel")
    apiproxy_stub_map.apiproxy = stubs
    found: list[Any] = []
    for client_id, message in calls:
        if not remembers:
            forget(module)
        try:
            module.send_message(client_id, message)
            found.append(None)
        except Exception as error:
            found.append((type(error), str(error)))
    return found, way


@explored(400, 20_000)
def test_what_is_remembered_changes_no_answer(module: Any, cases: Cases) -> None:
    tally: Counter[str] = Counter()

    def claim(places: list[tuple[int, int]]) -> None:
        calls = [(CLIENT_IDS[one], TEXTS[other]) for one, other in places]
        forget(module)
        expected, slow = outcomes(module, calls, remembers=False)
        forget(module)
        found, fast = outcomes(module, calls, remembers=True)
        assert found == expected
        assert fast.published == slow.published
        assert all(one[0] is str and one[2] is str for one in fast.published)
        is_short = fast.published.count((str, "ann", str, "m")) > 1
        hypothesis.event("short way taken" if is_short else "long way only")
        tally[str(is_short)] += 1

    cases.check(claim, CALLS)
    assert tally["True"] >= 0.2 * tally.total(), tally


def test_what_is_remembered_is_bounded_and_text(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHECKED_IDS", 10)
    forget(module)
    calls = [(f"id{number}", "m") for number in range(50)]
    for call in [*calls, *[(one, "m") for one in CLIENT_IDS]]:
        outcomes(module, [call], remembers=True)
        assert len(module._checked_ids) <= 10
        assert {type(one) for one in module._checked_ids} <= {str}
