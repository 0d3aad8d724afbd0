"""Hands a mail to an SMTP server: one conversation for each mail (RFC 5321).

smtplib speaks; here is what it leaves open. The whole conversation has one bound in
time, however slowly the server answers. Encryption and password follow the setting, and
a password never goes over a line that others read unless the setting says so. Each
recipient's answer counts for itself.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any, Final

from channelshim.contracts.mails import OutgoingMail, SmtpRoute
from channelshim.jobs.mail_outcomes import Outcome, RouteDown
from channelshim.runtime.log_text import one_line

SMTP_STEP_SECONDS: Final = 60.0
"""For one answer but the last, which has all the time that is left: RFC 5321,
4.5.3.2.6, has a client wait 10 minutes for it, since who ends earlier sends twice."""

SMTP_SECONDS: Final = 600.0
"""For all of a mail: 31.5 MB, the most that App Engine took, in 10 minutes."""

REPLY_BYTES: Final = 1 << 20
"""All that a server may say about one mail."""

_SHOWN_LETTERS: Final = 200
_GOODBYE_SECONDS: Final = 5.0

_SERVICE_CLOSES: Final = 421
"""RFC 5321, 4.2.3: may answer any command, and the connection ends."""

_NEEDS_LOGIN: Final = 530
"""RFC 4954, 6, and RFC 3207, 4: without a login, or encryption, it takes no mail."""

_SOUND: Final = re.compile(r"[^\s<>\x00-\x1f\x7f]+")
"""An address that ends no command. The mail service refuses others; this is for what a
store may hold."""

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class _Replies:
    """The server's lines, each within what is left of the time."""

    def __init__(self, session: _Session, connection: socket.socket) -> None:
        self._session = session
        self._connection = connection
        self._data = b""

    def readline(self, limit: int) -> bytes:
        """Return the next line, or its first bytes; b"" at the end."""
        while b"\n" not in self._data and len(self._data) < limit:
            self._connection.settimeout(self._session.step_seconds())
            received = self._connection.recv(4096)
            if not received:
                break
            self._session.count(len(received))
            self._data += received
        end = self._data.find(b"\n") + 1 or len(self._data)
        end = min(end, limit)
        line, self._data = self._data[:end], self._data[end:]
        return line

    def close(self) -> None:
        """Do nothing: the socket is the session's."""


class _Session(smtplib.SMTP):
    """A conversation that ends in time; the constructor connects.

    Args:
        route: the server.
        own_name: of this machine.
        step_seconds: for one answer.
        seconds: for everything.
    """

    def __init__(
        self, route: SmtpRoute, own_name: str, step_seconds: float, seconds: float
    ) -> None:
        self._step_seconds = step_seconds
        self._ends_at = time.monotonic() + seconds
        self._received = 0
        self._is_encrypted_at_once = route.tls == "tls"
        super().__init__(route.host, route.port, own_name, step_seconds)

    def step_seconds(self) -> float:
        """Return how long the next step may take.

        Raises:
            TimeoutError: no time is left.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long in all")
        return min(left, self._step_seconds)

    def wait_long(self) -> None:
        """Give the next answers all that is left: a server may look into a mail."""
        self._step_seconds = math.inf

    def hurry(self) -> None:
        """Give the next answers little time: they change nothing any more."""
        self._step_seconds = _GOODBYE_SECONDS

    def count(self, received: int) -> None:
        """Count bytes of the server."""
        self._received += received
        if self._received > REPLY_BYTES:
            raise ConnectionError("its answers do not end")

    def send(self, s: Any) -> None:
        """See smtplib."""
        if self.sock is not None:
            # sendall takes so long at most, for everything that it sends.
            self.sock.settimeout(max(self._ends_at - time.monotonic(), 0.001))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """See smtplib."""
        if self.file is None and self.sock is not None:
            # Anew after STARTTLS: what came in the clear behind its answer is dropped.
            self.file = _Replies(self, self.sock)
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # As in smtplib.SMTP_SSL.
        plain = socket.create_connection((host, port), timeout)
        if not self._is_encrypted_at_once:
            return plain
        try:
            context = ssl.create_default_context()
            return context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


class SmtpDelivery:
    """Delivers to one SMTP server: jobs.mail_outcomes.Delivery.

    Args:
        route: the server.
        step_seconds: for one answer.
        seconds: for all of a mail.
    """

    def __init__(
        self,
        route: SmtpRoute,
        *,
        step_seconds: float = SMTP_STEP_SECONDS,
        seconds: float = SMTP_SECONDS,
    ) -> None:
        self._route = route
        self._step_seconds = step_seconds
        self._seconds = seconds
        self._own_name = ""

    def deliver(self, mail: OutgoingMail) -> Outcome:
        """See jobs.mail_outcomes.Delivery."""
        session = self._open()
        outcome = Outcome()
        try:
            _transact(session, mail, outcome)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # Perhaps some have it: at least once is what is promised.
            reason = f"the connection ended: {_reason(error)}"
            left = set(mail.envelope.recipients) - {*outcome.refused, *outcome.deferred}
            outcome.deferred.update(dict.fromkeys(sorted(left), reason))
        finally:
            session.hurry()
            with contextlib.suppress(OSError, smtplib.SMTPException):
                session.quit()
            session.close()
        return outcome

    def _open(self) -> _Session:
        """Return a session that takes mail."""
        route = self._route
        if not self._own_name:
            # It asks the system's resolver, which may take long.
            self._own_name = smtplib.SMTP().local_hostname
        session: _Session | None = None
        try:
            session = _Session(route, self._own_name, self._step_seconds, self._seconds)
            session.ehlo_or_helo_if_needed()
            self._encrypt(session)
            if route.user:
                session.login(route.user, route.password)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            if session is not None:
                session.close()
            raise RouteDown(self._why(error)) from error
        except RouteDown:
            if session is not None:
                session.close()
            raise
        return session

    def _why(self, error: Exception) -> str:
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return (
                f"it refuses the user {self._route.user} with this password: "
                f"{error.smtp_code} {_text(error.smtp_error)}"
            )
        return _reason(error)

    def _encrypt(self, session: _Session) -> None:
        """Encrypt from here on, as the setting says.

        Raises:
            RouteDown: the server does not offer what is needed.
        """
        how = self._route.tls
        if how in ("no", "tls"):
            return
        assert session.sock is not None
        is_here = how == "auto" and _is_this_machine(session.sock)
        if session.has_extn("starttls"):
            context = ssl.create_default_context()
            if is_here:
                # Mail systems make themselves a certificate that nobody vouches for,
                # and nobody is between us and this machine.
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            session.starttls(context=context)
            session.ehlo()
        elif how == "starttls":
            raise RouteDown("it does not offer STARTTLS, and --smtp_tls asks for it")
        elif self._route.password and not is_here:
            raise RouteDown(
                "it does not offer STARTTLS, and without that everybody between could "
                "read the password: --smtp_tls=no sends it all the same"
            )


def _transact(session: _Session, mail: OutgoingMail, outcome: Outcome) -> None:
    """Hand a mail over, and note who is refused it."""
    data = _LINE_END.sub(b"\r\n", mail.data)
    sender, recipients, needs_utf8 = _addresses(mail)
    if needs_utf8 and not session.has_extn("smtputf8"):
        outcome.note(recipients, 553, "the mail server takes ASCII addresses alone")
        return
    if not _SOUND.fullmatch(sender):
        outcome.note(recipients, 553, "the sender is not an address")
        return
    code, reply = session.mail(sender, _options(session, data, needs_utf8=needs_utf8))
    if code in (_SERVICE_CLOSES, _NEEDS_LOGIN):
        # Of us, not of this mail.
        raise RouteDown(f"it answered {code} {_text(reply)}")
    if code != 250:
        outcome.note(recipients, _class(code), _text(reply))
        return
    taken = []
    for recipient, address in recipients.items():
        if not _SOUND.fullmatch(address):
            outcome.note([recipient], 553, "it is not an address")
            continue
        code, reply = session.rcpt(address)
        if code in (250, 251):
            taken.append(recipient)
        elif code == _SERVICE_CLOSES:
            raise smtplib.SMTPServerDisconnected(_text(reply))
        else:
            outcome.note([recipient], _class(code), _text(reply))
    if not taken:
        session.rset()
        return
    session.wait_long()
    try:
        code, reply = session.data(data)
    except smtplib.SMTPDataError as error:
        code, reply = error.smtp_code, _bytes(error.smtp_error)
    if code != 250:
        outcome.note(taken, _class(code), _text(reply))


def _class(code: int) -> int:
    """Return a code that says what to do; what is no answer at all may get better."""
    return code if 400 <= code <= 599 else 451


def _options(session: _Session, data: bytes, *, needs_utf8: bool) -> Sequence[str]:
    """Return what goes behind MAIL FROM, of what the server knows."""
    options = []
    if session.does_esmtp and session.has_extn("size"):
        options.append(f"size={len(data)}")
    if not data.isascii() and session.has_extn("8bitmime"):
        options.append("body=8bitmime")
    if needs_utf8:
        options.append("SMTPUTF8")
    return options


def _addresses(mail: OutgoingMail) -> tuple[str, dict[str, str], bool]:
    """Return sender and recipients as they go over the wire.

    Returns:
        the sender; the recipients, by what they are called here; and whether one needs
        SMTPUTF8 (RFC 6531).
    """
    sender = _on_the_wire(mail.envelope.sender)
    recipients = {each: _on_the_wire(each) for each in mail.envelope.recipients}
    needs_utf8 = not all(each.isascii() for each in (sender, *recipients.values()))
    return sender, recipients, needs_utf8


def _on_the_wire(address: str) -> str:
    """Return an address with its domain in ASCII (RFC 5890), where it has a form."""
    local, at, domain = address.rpartition("@")
    with contextlib.suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def _is_this_machine(connection: socket.socket) -> bool:
    host = str(connection.getpeername()[0]).partition("%")[0]
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _reason(error: Exception) -> str:
    """Return what befell a connection, for the log and the console."""
    cause = error.__context__
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(cause, OSError):
        # smtplib says only that the connection is closed.
        return _reason(cause)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code} {_text(error.smtp_error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _text(text)


def _bytes(reply: bytes | str) -> bytes:
    return reply.encode("utf-8", "replace") if isinstance(reply, str) else reply


def _text(reply: bytes | str) -> str:
    text = reply if isinstance(reply, str) else reply.decode("utf-8", "replace")
    return one_line(" ".join(text.split()))[:_SHOWN_LETTERS]
