"""send_message's short way to our own service, and who must see the long one.

The contract's cases are in tests/contract; these are about what stands between.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub, apiproxy_stub_map
from google.appengine.runtime import apiproxy_errors

from channelshim import appengine
from channelshim.compat import api_proxy, import_hooks
from channelshim.protocol.tokens import TokenClaims, TokenSigner
from channelshim.services import channel_messages as messages
from channelshim.services.channel import ChannelService

NOW = 1000.0
SIGNER = TokenSigner([b"s" * 32])


class Broker:
    """Writes down what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []

    def publish(self, client_id: str, text: str) -> None:
        self.published.append((client_id, text))

    def expect(self, client_id: str) -> int:
        return 7


class Clock:
    def time(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return NOW


class OwnStub(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """A stub that a test or an app made itself."""

    def __init__(self) -> None:
        super().__init__("channel")
        self.seen: list[tuple[bytes, bytes]] = []

    def _Dynamic_SendChannelMessage(self, request: Any, response: Any) -> None:
        self.seen.append((request.application_key, request.message))


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return google.appengine.api.channel, with nothing checked so far."""
    appengine.install()
    monkeypatch.setenv("SERVER_SOFTWARE", "Development/2.0")
    module: Any = importlib.import_module("google.appengine.api.channel.channel")
    monkeypatch.setattr(module, "_checked_ids", set())
    monkeypatch.setattr(module, "_checked", (object(), object()))
    return importlib.import_module("google.appengine.api.channel")


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def service(broker: Broker) -> ChannelService:
    found: Any = broker
    return ChannelService(SIGNER, found, Clock(), lambda: b"n" * 8)


@pytest.fixture
def stubs(
    service: ChannelService, monkeypatch: pytest.MonkeyPatch
) -> api_proxy.LazyStubMap:
    stubs = api_proxy.LazyStubMap({"channel": lambda: service, "xmpp": lambda: service})
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", stubs)
    return stubs


def token_of(client_id: str, expires_at: int = int(NOW) + 60) -> str:
    return SIGNER.sign(TokenClaims(client_id, expires_at, 0, b"n" * 8))


def test_first_call_makes_the_service_and_later_ones_go_straight(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker
) -> None:
    channel.send_message("ann", "x")
    assert stubs.direct_channel is not None
    stubs.MakeSyncCall = stubs.CreateRPC = None
    text = "hello"
    for _ in range(3):
        channel.send_message("ann", text)
    assert broker.published == [("ann", "x"), *[("ann", "hello")] * 3]


def test_checks_are_the_same_on_the_short_way(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker
) -> None:
    stubs.GetStub("channel")
    for _ in range(2):
        # Twice: what was refused must not be remembered as checked.
        no_ids: tuple[Any, ...] = (None, 5, [], bytearray(b"a"), "x" * 257)
        for client_id in no_ids:
            with pytest.raises(channel.InvalidChannelClientIdError):
                channel.send_message(client_id, "x")
        no_messages: tuple[Any, ...] = (None, 5, "", b"", [], "x" * 32768)
        for message in no_messages:
            with pytest.raises(channel.InvalidMessageError):
                channel.send_message("a", message)
    assert broker.published == []


@pytest.mark.parametrize("give", [str, str.encode], ids=["text", "bytes"])
def test_equal_texts_become_one_object(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker, give: Any
) -> None:
    # As apps do that make their JSON anew for each user, or send a request's body.
    stubs.GetStub("channel")
    body = give("a body")
    for client_id in ("ann", "bob", "cid"):
        channel.send_message(client_id, "".join(["t", "ext"]))
    for client_id in ("ann", "bob", "cid"):
        channel.send_message(client_id, body)
    texts = [text for _, text in broker.published]
    assert texts == ["text"] * 3 + ["a body"] * 3
    assert len({id(text) for text in texts}) == 2


def test_text_and_bytes_are_one_id(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker
) -> None:
    for _ in range(2):
        channel.send_message("zoë", "ë")
        channel.send_message("zoë".encode(), "ë".encode())
    assert broker.published == [("zoë", "ë")] * 4


def test_what_is_no_text_arrives_with_replacements(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker
) -> None:
    for _ in range(2):
        channel.send_message(b"\xff", b"a\xffb")
        channel.send_message("a", "x\ud800y")
    (first, text), (_, surrogate) = broker.published[2:]
    assert first != "a"
    assert text == "a\ufffdb"
    assert surrogate == "x?y"
    surrogate.encode("utf-8")


def test_token_addresses_its_id(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker
) -> None:
    long_id = "i" * 200
    for client_id in ("ann", long_id):
        token = token_of(client_id)
        for given in (token, token.encode("ascii")):
            channel.send_message(given, "x")
            channel.send_message(given, "x")
    assert {client_id for client_id, _ in broker.published} == {"ann", long_id}
    assert len(broker.published) == 8


def test_expired_token_is_a_client_id_that_nobody_has(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker
) -> None:
    for client_id in ("ann", "i" * 200):
        channel.send_message(token_of(client_id, expires_at=1), "x")
        channel.send_message(token_of(client_id, expires_at=1), "x")
    assert not {"ann", "i" * 200} & {client_id for client_id, _ in broker.published}


def test_ordinary_id_costs_no_verification(
    channel: Any,
    stubs: api_proxy.LazyStubMap,
    service: ChannelService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "_tokens", None)
    channel.send_message("a" * 256, "x")
    channel.send_message("ann", "x")


@pytest.mark.parametrize("is_warm", [True, False])
def test_own_stub_sees_the_calls(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker, is_warm: bool
) -> None:
    if is_warm:
        channel.send_message("ann", "x")
        channel.send_message("ann", "x")
    own = OwnStub()
    stubs.ReplaceStub("channel", own)
    channel.send_message("ann", "x")
    assert own.seen == [(b"ann", b"x")]
    assert len(broker.published) == (2 if is_warm else 0)


def test_own_map_sees_the_calls(
    channel: Any,
    stubs: api_proxy.LazyStubMap,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel.send_message("ann", "x")
    own_map = apiproxy_stub_map.APIProxyStubMap()
    own = OwnStub()
    own_map.RegisterStub("channel", own)
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", own_map)
    channel.send_message("ann", "x")
    assert own.seen == [(b"ann", b"x")]


def test_calls_of_ndb_leave_the_short_way_open(
    channel: Any, stubs: api_proxy.LazyStubMap, broker: Broker
) -> None:
    channel.send_message("ann", "x")
    # What ndb calls the datastore by; it asks the map for its hooks.
    call = apiproxy_stub_map.UserRPC("channel", stubmap=stubs)
    request = messages.SendMessageRequest(application_key=b"ann", message=b"y")
    call.make_call("SendChannelMessage", request, messages.SendMessageResponse())
    call.wait()
    call.check_success()
    assert broker.published == [("ann", "x"), ("ann", "y")]
    assert stubs.direct_channel is not None


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize("add", ["Append", "Push"])
@pytest.mark.parametrize("when", ["GetPreCallHooks", "GetPostCallHooks"])
def test_hooks_see_the_calls(
    channel: Any,
    stubs: api_proxy.LazyStubMap,
    broker: Broker,
    when: str,
    add: str,
    *,
    is_warm: bool,
) -> None:
    if is_warm:
        channel.send_message("ann", "x")
    seen: list[str] = []

    def hook(service: str, call: str, request: Any, response: Any) -> None:
        seen.append(call)

    getattr(getattr(stubs, when)(), add)("mine", hook)
    for _ in range(3):
        channel.send_message("ann", "x")
    assert seen == ["SendChannelMessage"] * 3
    assert len(broker.published) == 3 + is_warm


def test_injected_error_is_raised(
    channel: Any, stubs: api_proxy.LazyStubMap, service: ChannelService
) -> None:
    channel.send_message("ann", "x")
    service.SetError(apiproxy_errors.ApplicationError(3, "broken"))
    with pytest.raises(channel.InvalidMessageError, match="broken"):
        channel.send_message("ann", "x")


def test_production_name_of_the_service_works(
    channel: Any,
    stubs: api_proxy.LazyStubMap,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "Google App Engine/1.9.88")
    channel.send_message("ann", "x")
    assert SIGNER.verify(channel.create_channel("ann"), NOW).client_id == "ann"
    assert broker.published == [("ann", "x")]


def test_token_carries_the_brokers_number(
    channel: Any, stubs: api_proxy.LazyStubMap
) -> None:
    claims = SIGNER.verify(channel.create_channel("zoë", 5), NOW)
    assert claims == TokenClaims("zoë", int(NOW) + 301, 7, b"n" * 8)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "ApplicationError"),
        (2, "InvalidChannelClientIdError"),
        (3, "InvalidMessageError"),
        (4, "ApplicationError"),
        (5, "AppIdAliasRequired"),
        (99, "ApplicationError"),
    ],
)
def test_service_errors_become_googles_classes(
    channel: Any,
    stubs: api_proxy.LazyStubMap,
    service: ChannelService,
    number: int,
    name: str,
) -> None:
    service.SetError(apiproxy_errors.ApplicationError(number, "detail"))
    with pytest.raises(Exception, match="detail") as caught:
        channel.create_channel("ann")
    assert type(caught.value).__name__ == name


def test_other_errors_pass(
    channel: Any, stubs: api_proxy.LazyStubMap, service: ChannelService
) -> None:
    service.SetError(apiproxy_errors.OverQuotaError())
    with pytest.raises(apiproxy_errors.OverQuotaError):
        channel.send_message("ann", "x")


def test_checked_ids_are_bounded(
    channel: Any, stubs: api_proxy.LazyStubMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = importlib.import_module("google.appengine.api.channel.channel")
    monkeypatch.setattr(module, "_CHECKED_IDS", 10)
    for number in range(100):
        channel.send_message(f"id{number}", "x")
    assert len(module._checked_ids) <= 10


def test_names_are_googles() -> None:
    appengine.install()
    appengine.install()
    assert len([one for one in sys.meta_path if one is import_hooks._aliases]) == 1
    for name in (one for one in appengine.OURS if "webapp" not in one):
        assert importlib.import_module(name) is sys.modules[name]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("google.appengine.api.channel.nothing")
