"""Google's testbed with what Python 3's has lost: part I of contract.md."""

from __future__ import annotations

import os
import unittest
from collections.abc import Iterator
from typing import Any

import pytest

from channelshim.cli import testing
from channelshim.compat.legacy_unittest import _OLD_ASSERTIONS

testing.install(python27=False)

from google.appengine.api import apiproxy_stub_map, channel, users, xmpp  # noqa: E402
from google.appengine.api.channel import (  # noqa: E402
    channel_service_pb,
    channel_service_stub,
)
from google.appengine.ext import testbed  # noqa: E402


@pytest.fixture
def bed() -> Iterator[Any]:
    """Return an activated testbed."""
    made = testbed.Testbed()
    made.activate()
    yield made
    made.deactivate()


class Dispatcher:
    """Writes down what the stub asks of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.callbacks: list[Any] = []

    def get_dispatcher(self) -> Dispatcher:
        return self

    def add_async_request(self, *args: Any) -> None:
        self.calls.append(("request", *args))

    def add_event(self, callback: Any, *args: Any) -> None:
        self.callbacks.append(callback)
        self.calls.append(("add", *args))

    def update_event(self, *args: Any) -> None:
        self.calls.append(("update", *args))


FORM = [("Content-Type", "application/x-www-form-urlencoded")]
CONNECTED = ("request", "POST", "/_ah/channel/connected/", FORM, "from=ann")
DISCONNECTED = ("request", "POST", "/_ah/channel/disconnected/", FORM, "from=ann")


def test_presence_goes_to_the_injected_dispatcher() -> None:
    dispatcher = Dispatcher()
    bed = testbed.Testbed()
    bed.activate()
    try:
        stub = channel_service_stub.ChannelServiceStub(
            time_func=lambda: 1000.0, request_data=dispatcher
        )
        apiproxy_stub_map.apiproxy.RegisterStub("channel", stub)
        token = channel.create_channel("ann")
        stub.connect_channel(token)
        stub.connect_channel(token)
        channel.send_message("ann", "lost with the list")
        dispatcher.callbacks[0]()
        stub.disconnect_channel_event("ann")
    finally:
        bed.deactivate()
    address = "0.1.0.10"
    assert dispatcher.calls == [
        (*CONNECTED, address),
        ("add", 1002.0, "channel-disconnect", "ann"),
        ("update", 1002.0, "channel-disconnect", "ann"),
        (*DISCONNECTED, address),
        # Twice asked is twice posted, as it was.
        (*DISCONNECTED, address),
    ]
    assert stub.get_channel_messages(token) is None


def test_log_gets_no_token(bed: Any) -> None:
    lines: list[str] = []
    stub = channel_service_stub.ChannelServiceStub(
        log=lambda text, *args: lines.append(text % args)
    )
    apiproxy_stub_map.apiproxy.RegisterStub("channel", stub)
    token = channel.create_channel("ann")
    stub.connect_channel(token)
    channel.send_message(token, "x")
    channel.send_message("nobody", "x")
    stub.clear_channel_messages(token)
    assert lines
    assert not [line for line in lines if token in line]


@pytest.mark.parametrize("token", [None, 5, "", b"\xff", "x" * 1000])
def test_anything_is_no_token(bed: Any, token: Any) -> None:
    bed.init_channel_stub()
    stub = bed.get_stub("channel")
    assert stub.client_id_from_token(token) is None
    assert stub.get_channel_messages(token) is None
    assert stub.pop_first_message(token) is None
    assert not stub.has_channel_messages(token)
    stub.clear_channel_messages(token)
    with pytest.raises(channel_service_stub.InvalidTokenError):
        stub.connect_channel(token)


def test_messages_are_text(bed: Any) -> None:
    bed.init_channel_stub()
    stub = bed.get_stub("channel")
    token = channel.create_channel("zoë")
    stub.connect_channel(token)
    channel.send_message("zoë".encode(), b"a\xffb")
    channel.send_message(token, "☃")
    assert stub.get_channel_messages(token) == ["a\ufffdb", "☃"]
    assert stub._connected_channel_messages == {"zoë": ["a\ufffdb", "☃"]}


def test_all_stubs_include_the_channels(bed: Any) -> None:
    held = testbed.SUPPORTED_SERVICES
    bed.init_all_stubs()
    assert isinstance(bed.get_stub("channel"), channel_service_stub.ChannelServiceStub)
    assert "channel" in held
    assert held == sorted(held)
    assert testbed.CHANNEL_SERVICE_NAME == "channel"


@pytest.mark.parametrize(
    "name", ["init_logservice_stub", "init_files_stub", "init_xmpp_stub"]
)
def test_services_that_ended_are_accepted(bed: Any, name: str) -> None:
    getattr(bed, name)()
    getattr(bed, name)(enable=False)
    with pytest.raises(testbed.NotActivatedError):
        getattr(testbed.Testbed(), name)()


@pytest.mark.parametrize("application_id", ["_", "testapp", "app", "My_App"])
def test_any_application_id_will_do(bed: Any, application_id: str) -> None:
    bed.setup_env(app_id=application_id, overwrite=True)
    bed.init_channel_stub()
    assert channel.create_channel("ann")
    assert os.environ["APPLICATION_ID"] == application_id


def test_login_is_simulated_by_the_environment(bed: Any) -> None:
    bed.init_user_stub()
    bed.setup_env(
        USER_EMAIL="bob@gmail.com", USER_ID="7", USER_IS_ADMIN="1", overwrite=True
    )
    user = users.get_current_user()
    assert (user.nickname(), user.user_id()) == ("bob", "7")
    assert users.is_current_user_admin()


def test_error_numbers_have_names() -> None:
    error = channel_service_pb.ChannelServiceError
    assert (error.OK, error.INTERNAL_ERROR, error.APPID_ALIAS_REQUIRED) == (0, 1, 5)
    assert error.ErrorCode_Name(3) == "BAD_MESSAGE"
    assert error.ErrorCode_Name(77) == ""


def test_xmpp_is_importable_and_delivers_nothing() -> None:
    assert xmpp.send_message("a@b.c", "x") == xmpp.NO_ERROR
    assert xmpp.send_message(["a@b.c", "d@e.f"], "x") == [xmpp.NO_ERROR] * 2
    assert xmpp.get_presence("a@b.c") is True
    assert xmpp.get_presence("z@b.c", get_show=True) == (False, "away")
    xmpp.send_invite("a@b.c")
    xmpp.send_presence("a@b.c")


def test_dropped_assertions_are_given_back() -> None:
    case: Any = unittest.TestCase()
    contains = case.assertDictContainsSubset
    contains({"a": 1}, {"a": 1, "b": 2})
    with pytest.raises(AssertionError):
        contains({"a": 2}, {"a": 1})
    for old in _OLD_ASSERTIONS:
        assert hasattr(unittest.TestCase, old)
