# -*- coding: utf-8 -*-
"""Contract cases of the Python API, tokens and the testbed, for two Pythons.

Runs on Python 2.7 against Google's last SDK and on Python 3 against the shim, so that
our reading of the contract is itself proved: `python api_cases.py` prints one JSON
object, case number to "" or what went wrong. Written in what both Pythons understand.

Each function is one case of the contract, section 14; `target` says where it runs.
"""

from __future__ import print_function, unicode_literals

import json
import os
import sys
import threading
import traceback

E_ACUTE = "\u00e9"


class Target(object):
    """What the cases run against.

    Attributes:
        name: "original", "stub" (the testbed of the shim) or "service" (its own).
        clock: a list of one number: what the stub takes for the time.
    """

    def __init__(self, name):
        self.name = name
        self.clock = [1000000000.0]
        if name != "original":
            import channelshim.cli.testing

            channelshim.cli.testing.install(python27=False)
        from google.appengine.api import apiproxy_stub_map, channel
        from google.appengine.api.channel import channel_service_stub
        from google.appengine.ext import testbed
        from google.appengine.runtime import apiproxy_errors

        self.apiproxy_stub_map = apiproxy_stub_map
        self.channel = channel
        self.stub_module = channel_service_stub
        self.testbed = testbed
        self.apiproxy_errors = apiproxy_errors

    def begin(self):
        self.bed = self.testbed.Testbed()
        self.bed.activate()
        if self.name == "service":
            self.stub = make_service(self.clock)
            self.apiproxy_stub_map.apiproxy = self.proxy = self.stub.proxy
        else:
            self.bed.init_channel_stub()
            self.stub = self.bed.get_stub("channel")
            self.stub._time_func = lambda: self.clock[0]

    def end(self):
        self.bed.deactivate()


def make_service(clock):
    """Return the shim's real service with a broker, in the stub's clothes."""
    from channelshim.broker.memory import MemoryBroker
    from channelshim.compat.api_proxy import LazyStubMap
    from channelshim.errors import InvalidToken, TokenExpired
    from channelshim.protocol.tokens import TokenSigner
    from channelshim.services.channel import ChannelService

    class Clock(object):
        def time(self):
            return clock[0]

        def monotonic(self):
            return clock[0]

    class Facade(object):
        """connect_channel and pop_first_message over the broker."""

        def __init__(self):
            self.tokens = TokenSigner([b"s" * 32])
            self.broker = MemoryBroker(Clock(), window_seconds=42.0)
            self.service = ChannelService(
                self.tokens, self.broker, Clock(), lambda: os.urandom(8)
            )
            self.proxy = LazyStubMap(
                {"channel": lambda: self.service, "xmpp": lambda: self.service}
            )
            self.proxy.GetStub("channel")
            self.after = {}

        def _fail(self, error):
            raise error

        def connect_channel(self, token):
            claims = self.tokens.verify(token, clock[0])
            if claims.client_id not in self.after:
                opened = []
                self.broker.attach(
                    claims.client_id, (), None, opened.append, self._fail
                )
                self.after[claims.client_id] = opened[0].number

        def pop_first_message(self, token):
            client_id = self.tokens.verify(token, clock[0]).client_id
            after, done = self.after.get(client_id), []
            self.broker.replay(client_id, after, done.append, self._fail)
            replay = done[0]
            if not replay.texts:
                return None
            self.after[client_id] = replay.number + 1
            return replay.texts[0]

        def client_id_from_token(self, token):
            try:
                return self.tokens.verify(token, clock[0]).client_id
            except (InvalidToken, TokenExpired):
                return None

        def SetError(self, *args, **kwargs):
            self.service.SetError(*args, **kwargs)

    return Facade()


# --- How cases say what must be ---------------------------------------------------


def equal(actual, expected):
    assert actual == expected, "%r is not %r" % (actual, expected)


def raises(error, call, *args, **kwargs):
    """Check that the call raises exactly this class; return its text."""
    try:
        result = call(*args, **kwargs)
    except Exception as caught:
        assert type(caught) is error, "%r instead of %s" % (caught, error.__name__)
        return str(caught)
    raise AssertionError("returned %r instead of raising %s" % (result, error.__name__))


def same_text(message, expected):
    """Messages are UTF-8 bytes there and text here."""
    if isinstance(message, bytes):
        message = message.decode("utf-8")
    equal(message, expected)


def connected(target, client_id, **kwargs):
    token = target.channel.create_channel(client_id, **kwargs)
    target.stub.connect_channel(token)
    return token


# --- A. create_channel --------------------------------------------------------------


def case_001(t):
    token = t.channel.create_channel("abc")
    assert type(token) is str, type(token)
    assert token
    assert not set(token) & set("<>\"'& "), token


def case_002(t):
    tokens = [t.channel.create_channel("abc") for _ in range(2)]
    assert tokens[0] != tokens[1]
    for token in tokens:
        t.stub.connect_channel(token)


def case_003(t):
    error = t.channel.InvalidChannelClientIdError
    equal(raises(error, t.channel.create_channel, None), '"None" is not a string.')
    raises(error, t.channel.create_channel, 5)
    raises(error, t.channel.create_channel, bytearray(b"abc"))
    # D17: the original trips over its own message.
    tuple_error = TypeError if t.name == "original" else error
    raises(tuple_error, t.channel.create_channel, ("a", "b"))


def case_004(t):
    t.channel.create_channel("x" * 256)
    text = raises(
        t.channel.InvalidChannelClientIdError, t.channel.create_channel, "x" * 257
    )
    equal(text, "Client id length 257 is greater than max length 256")


def case_005(t):
    t.channel.create_channel(E_ACUTE * 128)
    raises(
        t.channel.InvalidChannelClientIdError, t.channel.create_channel, E_ACUTE * 129
    )


def case_006(t):
    text = raises(t.channel.InvalidChannelClientIdError, t.channel.create_channel, "")
    equal(text, "")


def case_007(t):
    raises(t.channel.InvalidChannelTokenDurationError, t.channel.create_channel, "", 0)


def case_008(t):
    raises(t.channel.InvalidChannelClientIdError, t.channel.create_channel, None, 0)


def case_009(t):
    for minutes in (1, 1440):
        t.channel.create_channel("a", duration_minutes=minutes)


def refused_duration(t, minutes):
    error = t.channel.InvalidChannelTokenDurationError
    return raises(error, t.channel.create_channel, "a", duration_minutes=minutes)


def case_010(t):
    for minutes in (0, -1):
        text = refused_duration(t, minutes)
        equal(text, "Argument duration_minutes must not be less than 1")


def case_011(t):
    text = refused_duration(t, 1441)
    equal(text, "Argument duration_minutes must be less than 1441")


def case_012(t):
    for minutes in (1.5, 60.0, "60"):
        text = refused_duration(t, minutes)
        equal(text, "Argument duration_minutes must be integral")


def case_013(t):
    t.channel.create_channel("a", duration_minutes=True)
    text = refused_duration(t, False)
    equal(text, "Argument duration_minutes must not be less than 1")


def case_014(t):
    for client_id in ("a b", "a/b", "a?b", "a&b", "a+b", "a%b", "a#b", "a\nb", "a-b"):
        t.channel.create_channel(client_id)


def case_015(t):
    for name in (
        "InvalidChannelClientIdError",
        "InvalidChannelTokenDurationError",
        "InvalidMessageError",
        "AppIdAliasRequired",
    ):
        assert issubclass(getattr(t.channel, name), t.channel.Error), name
    equal(t.channel.Error.__bases__, (Exception,))


def case_016(t):
    tokens = []
    environment = dict(os.environ)

    def create():
        os.environ.update(environment)
        tokens.append(t.channel.create_channel("x"))

    thread = threading.Thread(target=create)
    thread.start()
    thread.join()
    assert tokens[0]


# --- B. send_message ------------------------------------------------------------------


def case_017(t):
    equal(t.channel.send_message("ghost", "hi"), None)
    token = connected(t, "ghost")
    equal(t.stub.pop_first_message(token), None)


def case_018(t):
    error = t.channel.InvalidMessageError
    equal(raises(error, t.channel.send_message, "a", ""), "")
    connected(t, "a")
    equal(raises(error, t.channel.send_message, "a", ""), "")


def case_019(t):
    for message in (None, 5, {}, [], bytearray(b"x")):
        text = raises(
            t.channel.InvalidMessageError, t.channel.send_message, "a", message
        )
        equal(text, "Message must be a string")


def case_020(t):
    t.channel.send_message("a", "x" * 32767)
    text = raises(
        t.channel.InvalidMessageError, t.channel.send_message, "a", "x" * 32768
    )
    equal(text, "Message must be no longer than 32767 chars")


def case_021(t):
    t.channel.send_message("a", E_ACUTE * 16383)
    raises(t.channel.InvalidMessageError, t.channel.send_message, "a", E_ACUTE * 16384)


def case_022(t):
    raises(t.channel.InvalidChannelClientIdError, t.channel.send_message, None, None)


def case_023(t):
    token = connected(t, "ann")
    t.channel.send_message(token, "x")
    same_text(t.stub.pop_first_message(token), "x")


def case_024(t):
    token = t.channel.create_channel("ann", duration_minutes=1)
    listening = connected(t, "ann")
    t.clock[0] += 62
    equal(t.channel.send_message(token, "x"), None)
    t.clock[0] -= 62
    equal(t.stub.pop_first_message(listening), None)


def case_025(t):
    client_id = "i" * 200
    token = connected(t, client_id)
    if t.name == "original":
        # D2: a token of more than 256 bytes is refused there.
        raises(
            t.channel.InvalidChannelClientIdError, t.channel.send_message, token, "x"
        )
        return
    t.channel.send_message(token, "x")
    same_text(t.stub.pop_first_message(token), "x")


def case_026(t):
    for created, sent in ((E_ACUTE, E_ACUTE.encode("utf-8")), (b"ann", "ann")):
        if t.name == "original" and created == E_ACUTE:
            continue  # Its hash refuses text that is not ASCII.
        token = connected(t, created)
        t.channel.send_message(sent, "x")
        same_text(t.stub.pop_first_message(token), "x")


def case_027(t):
    t.stub.SetError(t.apiproxy_errors.ApplicationError(1, "broken"))
    try:
        t.channel.send_message("a", "x")
    except t.apiproxy_errors.ApplicationError as error:
        equal(error.application_error, 1)
    else:
        raise AssertionError("no error")


def case_028(t):
    t.stub.SetError(t.apiproxy_errors.ApplicationError(5, "alias"))
    text = raises(t.channel.AppIdAliasRequired, t.channel.create_channel, "a")
    equal(text, "alias")


def case_029(t):
    token = connected(t, "ann")
    for number in range(6):
        t.channel.send_message("ann", "m%d" % number)
    for number in range(6):
        same_text(t.stub.pop_first_message(token), "m%d" % number)
    equal(t.stub.pop_first_message(token), None)


# --- C. Tokens ------------------------------------------------------------------------


def is_valid(t, token):
    return t.stub.client_id_from_token(token) is not None


def case_031(t):
    token = t.channel.create_channel("a", duration_minutes=1)
    t.clock[0] += 60
    assert is_valid(t, token)
    t.clock[0] += 2
    assert not is_valid(t, token)


def case_032(t):
    token = t.channel.create_channel("a")
    t.clock[0] += 119 * 60
    assert is_valid(t, token)
    t.clock[0] += 2 * 60
    assert not is_valid(t, token)


def altered(token):
    """Yield the token with each character changed once."""
    for place, letter in enumerate(token):
        other = "b" if letter == "a" else "a"
        yield token[:place] + other + token[place + 1 :]


def case_033(t):
    token = t.channel.create_channel("ann")
    assert is_valid(t, token)
    for wrong in altered(token):
        assert not is_valid(t, wrong), wrong


def case_034(t):
    token = t.channel.create_channel("ann", duration_minutes=1)
    t.clock[0] += 62
    for wrong in altered(token):
        try:
            t.stub.connect_channel(wrong)
        except Exception as error:
            # The service's own class, or the stub's.
            assert type(error).__name__ in ("InvalidToken", "InvalidTokenError"), error
        else:
            raise AssertionError("connected")


def case_036(t):
    token = t.channel.create_channel("a")
    t.end()
    t.begin()
    assert is_valid(t, token)


# --- H. Users -------------------------------------------------------------------------


def case_104(t):
    from google.appengine.api import users

    one, other = users.User("a@b.c"), users.User("a@b.c", _user_id="1")
    assert one == other
    equal(hash(one), hash(other))
    assert one != users.User("A@b.c")


def case_105(t):
    from google.appengine.api import users

    raises(users.UserNotFoundError, users.User, "")
    raises(users.UserNotFoundError, users.User)
    equal(users.get_current_user(), None)


# --- I. Testbed -----------------------------------------------------------------------


def case_107(t):
    bed = t.testbed.Testbed()
    raises(t.testbed.NotActivatedError, bed.init_channel_stub)
    raises(t.testbed.NotActivatedError, bed.get_stub, "channel")


def case_108(t):
    stub = t.bed.get_stub(t.testbed.CHANNEL_SERVICE_NAME)
    for name in (
        "connect_channel",
        "get_channel_messages",
        "has_channel_messages",
        "pop_first_message",
        "clear_channel_messages",
        "connect_and_pop_first_message",
        "client_id_from_token",
        "validate_token_and_extract_client_id",
        "add_connect_event",
        "add_disconnect_event",
        "disconnect_channel_event",
        "SetError",
    ):
        assert callable(getattr(stub, name)), name
    equal(stub.CHANNEL_TIMEOUT_SECONDS, 2)
    equal(stub.XMPP_PUBLIC_IP, "0.1.0.10")
    equal(stub.THREADSAFE, True)
    equal(stub.CHANNEL_TOKEN_DEFAULT_DURATION, 120)
    equal(stub.CHANNEL_TOKEN_IDENTIFIER, "channel")


def case_109(t):
    token = t.channel.create_channel("a")
    equal(t.stub.get_channel_messages(token), None)
    equal(t.stub.has_channel_messages(token), False)


def case_110(t):
    token = connected(t, "a")
    t.channel.send_message("a", "m1")
    t.channel.send_message("a", "m2")
    equal(t.stub.get_channel_messages(token), ["m1", "m2"])
    equal(t.stub.has_channel_messages(token), True)
    equal(t.stub.pop_first_message(token), "m1")


def case_111(t):
    token = connected(t, "a")
    held = t.stub.get_channel_messages(token)
    t.channel.send_message("a", "m1")
    equal(held, ["m1"])
    t.stub.clear_channel_messages(token)
    equal(held, ["m1"])
    equal(t.stub.get_channel_messages(token), [])


def case_112(t):
    token = t.channel.create_channel("a")
    t.channel.send_message("a", "early")
    equal(t.stub.connect_and_pop_first_message(token), None)


def case_113(t):
    token = t.channel.create_channel("a-b-c")
    equal(t.stub.client_id_from_token(token), "a-b-c")
    equal(t.stub.client_id_from_token("garbage"), None)


def case_114(t):
    raises(t.stub_module.InvalidTokenError, t.stub.connect_channel, "garbage")
    assert not issubclass(t.stub_module.InvalidTokenError, t.channel.Error)


def case_115(t):
    token = t.channel.create_channel("a", duration_minutes=5)
    t.clock[0] += 300
    t.stub.connect_channel(token)
    t.clock[0] += 1
    raises(t.stub_module.TokenTimedOutError, t.stub.connect_channel, token)


def case_116(t):
    connected(t, "a")
    equal(t.stub.get_channel_messages("a"), None)


def case_117(t):
    t.bed.init_channel_stub(enable=False)
    raises(AssertionError, t.channel.send_message, "a", "b")


def case_118(t):
    t.bed.init_channel_stub(enable=False)
    os.environ.pop("SERVER_SOFTWARE", None)
    text = raises(AssertionError, t.channel.create_channel, "a")
    assert '"xmpp"' in text, text


def case_119(t):
    sent = []
    original = t.channel.send_message
    t.channel.send_message = lambda *args: sent.append(args)
    try:
        from google.appengine.api import channel

        channel.send_message("a", "b")
    finally:
        t.channel.send_message = original
    equal(sent, [("a", "b")])


STUB_ONLY = frozenset(range(107, 119))
"""Cases about the testbed's stub itself."""


def run(name):
    """Run all cases; return case number as text to "" or the traceback."""
    target = Target(name)
    results = {}
    cases = sorted(key for key in globals() if key.startswith("case_"))
    for case in cases:
        number = int(case[5:])
        if name == "service" and number in STUB_ONLY:
            continue
        target.clock[0] = 1000000000.0
        target.begin()
        try:
            globals()[case](target)
            results[str(number)] = ""
        except Exception:
            results[str(number)] = traceback.format_exc()
        finally:
            target.end()
    return results


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
