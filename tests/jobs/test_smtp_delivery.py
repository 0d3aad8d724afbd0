"""Mails go to a real SMTP server on loopback, which answers all that servers answer."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.contracts.mails import Envelope, OutgoingMail, SmtpRoute
from channelshim.jobs.mail_outcomes import Outcome, RouteDown
from channelshim.jobs.smtp_delivery import SmtpDelivery
from tests.authority import Authority
from tests.smtp_server import Received, ScriptedServer, SmtpServer

HOST = "127.0.0.1"

STEP_SECONDS = 2.0

DATA = b"Subject: hello\r\n\r\n.dots\r\n.\r\nend\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    return context


@pytest.fixture
def trusted(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have this process trust the tests' authority, as an operator would."""
    path = tmp_path / "authority.pem"
    authority.write_to(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def serve() -> Iterator[Callable[..., SmtpServer]]:
    started: list[SmtpServer] = []

    def start(**options: Any) -> SmtpServer:
        started.append(SmtpServer(**options))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[SmtpServer]:
    """Yield a server that offers nothing but to take mail."""
    server = SmtpServer()
    yield server
    server.close()


def mail(
    *recipients: str, sender: str = "app@example.com", data: bytes = DATA
) -> OutgoingMail:
    envelope = Envelope(sender, recipients or ("ann@example.com",))
    return OutgoingMail(1, envelope, 1, 0.0, "", data)


def deliver(
    port: int, sent: OutgoingMail | None = None, bound: float = 0.0, **facts: Any
) -> Outcome:
    bounds = {"step_seconds": bound, "seconds": 2 * bound} if bound else {}
    return SmtpDelivery(SmtpRoute(HOST, port, **facts), **bounds).deliver(
        sent or mail()
    )


def refused(port: int, **facts: Any) -> str:
    """Return why no mail leaves."""
    with pytest.raises(RouteDown) as raised:
        deliver(port, **facts)
    return str(raised.value)


def take(server: SmtpServer) -> Received:
    """Return the one mail that has come."""
    (received,) = server.received
    server.received.clear()
    return received


def test_mail_arrives_byte_for_byte(plain: SmtpServer) -> None:
    outcome = deliver(plain.port, mail("ann@example.com", "bob@example.com"))
    assert outcome == Outcome()
    received = take(plain)
    assert received.sender == "app@example.com"
    assert received.recipients == ("ann@example.com", "bob@example.com")
    assert received.data == DATA
    assert not received.is_encrypted


def test_line_ends_are_those_of_the_protocol(plain: SmtpServer) -> None:
    # A server that took a bare line feed for an end would find a second mail here.
    data = b"Subject: x\n\nbefore\n.\nMAIL FROM:<evil@x>\r.\r\nend"
    deliver(plain.port, mail(data=data))
    received = take(plain)
    assert received.data == (
        b"Subject: x\r\n\r\nbefore\r\n.\r\nMAIL FROM:<evil@x>\r\n.\r\nend\r\n"
    )


def test_each_recipient_has_an_answer_of_its_own(plain: SmtpServer) -> None:
    plain.orders.recipients = {
        "no@example.com": "550 5.1.1 no such user",
        "later@example.com": "451 4.7.1 greylisted",
    }
    everybody = ("no@example.com", "ann@example.com", "later@example.com")
    try:
        outcome = deliver(plain.port, mail(*everybody))
        assert take(plain).recipients == ("ann@example.com",)
        assert outcome.refused == {"no@example.com": "550 5.1.1 no such user"}
        assert outcome.deferred == {"later@example.com": "451 4.7.1 greylisted"}
        outcome = deliver(plain.port, mail(*everybody[::2]))
        assert plain.received == []
        assert outcome.refused.keys() | outcome.deferred.keys() == set(everybody[::2])
    finally:
        plain.orders.recipients = {}


@pytest.mark.parametrize("place", ["mail", "data"])
@pytest.mark.parametrize(
    ("answer", "is_for_good"), [("554 no", True), ("452 x", False)]
)
def test_whole_mail_is_refused(
    plain: SmtpServer, place: str, answer: str, is_for_good: bool
) -> None:
    setattr(plain.orders, place, answer)
    try:
        outcome = deliver(plain.port, mail("ann@example.com", "bob@example.com"))
    finally:
        setattr(plain.orders, place, "")
    everybody = {"ann@example.com": answer, "bob@example.com": answer}
    assert outcome.refused == (everybody if is_for_good else {})
    assert outcome.deferred == ({} if is_for_good else everybody)
    assert plain.received == []


def test_server_that_leaves_in_the_middle_is_tried_again(plain: SmtpServer) -> None:
    plain.orders.hangs_up = True
    try:
        outcome = deliver(plain.port)
    finally:
        plain.orders.hangs_up = False
    assert outcome.refused == {}
    assert outcome.deferred["ann@example.com"].startswith("the connection ended")


@pytest.mark.parametrize("answer", ["530 5.7.0 log in first", "421 too busy"])
def test_server_that_takes_no_mail_at_all_holds_up_all(
    plain: SmtpServer, answer: str
) -> None:
    plain.orders.mail = answer
    try:
        assert refused(plain.port) == f"it answered {answer}"
    finally:
        plain.orders.mail = ""


# --- Encryption and login -------------------------------------------------------------


@pytest.mark.parametrize("tls", ["auto", "starttls"])
def test_starttls_is_taken_where_it_is_offered(
    serve: Callable[..., SmtpServer],
    certificate: ssl.SSLContext,
    trusted: None,
    tls: str,
) -> None:
    server = serve(tls=certificate, user="app:secret", needs_tls=True)
    assert deliver(server.port, tls=tls, user="app", password="secret") == Outcome()
    received = take(server)
    assert (received.is_encrypted, received.user) == (True, "app")


def test_mail_is_encrypted_from_the_first_byte_on(
    serve: Callable[..., SmtpServer], certificate: ssl.SSLContext, trusted: None
) -> None:
    server = serve(tls=certificate, is_encrypted=True)
    assert deliver(server.port, tls="tls") == Outcome()
    assert take(server).is_encrypted


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_certificate_of_nobody_is_refused(
    serve: Callable[..., SmtpServer], certificate: ssl.SSLContext, tls: str
) -> None:
    server = serve(tls=certificate, is_encrypted=tls == "tls")
    assert "certificate is not good" in refused(server.port, tls=tls)
    assert server.received == []


def test_certificate_of_this_machine_need_not_be_known(
    serve: Callable[..., SmtpServer], certificate: ssl.SSLContext
) -> None:
    server = serve(tls=certificate)
    assert deliver(server.port, tls="auto") == Outcome()
    assert take(server).is_encrypted
    assert deliver(server.port, tls="no") == Outcome()
    assert not take(server).is_encrypted


def test_server_without_starttls_is_refused_where_it_must_have_it(
    plain: SmtpServer,
) -> None:
    assert "does not offer STARTTLS" in refused(plain.port, tls="starttls")


def test_password_goes_in_the_clear_to_this_machine_alone(
    serve: Callable[..., SmtpServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(user="app:secret")
    login: dict[str, Any] = {"user": "app", "password": "secret"}
    assert deliver(server.port, **login) == Outcome()
    assert take(server).user == "app"
    name = "channelshim.jobs.smtp_delivery._is_this_machine"
    monkeypatch.setattr(name, lambda connection: False)
    assert "--smtp_tls=no sends it all the same" in refused(server.port, **login)
    assert deliver(server.port, tls="no", **login) == Outcome()


def test_wrong_password_holds_up_all_mail_and_is_not_told(
    serve: Callable[..., SmtpServer],
) -> None:
    server = serve(user="app:secret")
    sentence = refused(server.port, user="app", password="guess")
    assert sentence.startswith("it refuses the user app with this password: 535")
    assert "guess" not in sentence


def test_login_at_a_server_that_has_none_is_told(plain: SmtpServer) -> None:
    assert "AUTH" in refused(plain.port, user="app", password="x")


# --- Servers that are away, slow or wrong ---------------------------------------------


def test_server_that_is_down_is_told() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    assert refused(port) == "Connection refused"


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    started: list[ScriptedServer] = []

    def start(serve: Callable[[socket.socket], None]) -> int:
        started.append(ScriptedServer(serve))
        return started[-1].port

    yield start
    for server in started:
        server.close()


def wait_for_end(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def test_silent_server_is_left(scripted: Callable[..., int]) -> None:
    assert "does not answer in time" in refused(scripted(wait_for_end), bound=0.2)


def test_server_that_answers_a_letter_at_a_time_is_left(
    scripted: Callable[..., int],
) -> None:
    def dribble(connection: socket.socket) -> None:
        connection.settimeout(0.05)
        while True:
            connection.sendall(b"2")
            try:
                if not connection.recv(65536):
                    return
            except TimeoutError:
                continue

    assert "does not answer in time" in refused(scripted(dribble), bound=0.2)


def test_server_may_look_into_a_mail_for_long(scripted: Callable[..., int]) -> None:
    begun = threading.Event()

    def look(connection: socket.socket) -> None:
        connection.sendall(b"220 x\r\n")
        for answer in (b"250 x\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go\r\n"):
            connection.recv(65536)
            connection.sendall(answer)
        while not connection.recv(65536).endswith(b"\r\n.\r\n"):
            pass
        # Longer than any other answer may take.
        begun.wait(1.5 * STEP_SECONDS)
        connection.sendall(b"250 taken\r\n")
        # It says QUIT, and would wait for an answer.
        connection.recv(65536)
        connection.sendall(b"221 bye\r\n")
        wait_for_end(connection)

    delivery = SmtpDelivery(SmtpRoute(HOST, scripted(look)), step_seconds=STEP_SECONDS)
    assert delivery.deliver(mail()) == Outcome()


def test_login_that_makes_no_sense_is_told(scripted: Callable[..., int]) -> None:
    def challenge(connection: socket.socket) -> None:
        connection.sendall(b"220 x\r\n")
        connection.recv(65536)
        connection.sendall(b"250-x\r\n250 AUTH CRAM-MD5\r\n")
        connection.recv(65536)
        connection.sendall(b"334 abc\r\n")
        wait_for_end(connection)

    assert refused(scripted(challenge), user="app", password="x")


def test_answer_without_an_end_is_left(scripted: Callable[..., int]) -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"220-on and on\r\n" * 1000)

    assert "its answers do not end" in refused(scripted(flood))


@pytest.mark.parametrize(
    "greeting", [b"554 go away\r\n", b"\xff\xfe\r\n", b"", b"HTTP/1.1 400 Bad\r\n"]
)
def test_what_is_no_mail_server_is_told(
    scripted: Callable[..., int], greeting: bytes
) -> None:
    def greet(connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.shutdown(socket.SHUT_WR)
        wait_for_end(connection)

    sentence = refused(scripted(greet))
    assert sentence
    assert sentence.isprintable()


def test_what_came_in_the_clear_behind_starttls_counts_for_nothing(
    scripted: Callable[..., int],
) -> None:
    def inject(connection: socket.socket) -> None:
        connection.sendall(b"220 x\r\n")
        connection.recv(65536)
        connection.sendall(b"250-x\r\n250 STARTTLS\r\n")
        connection.recv(65536)
        connection.sendall(b"220 go\r\n250-x\r\n250 AUTH PLAIN\r\n")
        wait_for_end(connection)

    # The handshake reads what came from the socket, and never as an answer.
    assert "AUTH" not in refused(scripted(inject), tls="starttls", bound=1.0)


# --- Addresses ------------------------------------------------------------------------


def test_domain_goes_over_the_wire_in_ascii(plain: SmtpServer) -> None:
    deliver(plain.port, mail("ann@b\u00fccher.example"))
    assert take(plain).recipients == ("ann@xn--bcher-kva.example",)


def test_name_that_is_not_ascii_needs_a_server_that_knows_it(
    plain: SmtpServer, serve: Callable[..., SmtpServer]
) -> None:
    sent = mail("bj\u00f6rn@example.com")
    outcome = deliver(plain.port, sent)
    assert "ASCII" in outcome.refused["bj\u00f6rn@example.com"]
    server = serve(knows_utf8=True)
    assert deliver(server.port, sent) == Outcome()
    assert take(server).recipients == ("bj\u00f6rn@example.com",)


def test_address_can_be_no_second_command(plain: SmtpServer) -> None:
    evil = "ann@example.com>\r\nRCPT TO:<evil@x"
    for sent in (mail(evil), mail(sender=evil)):
        outcome = deliver(plain.port, sent)
        assert plain.received == []
        assert outcome.deferred == {}
        (reason,) = outcome.refused.values()
        assert "not an address" in reason
