"""An SMTP server of the tests' own, on loopback, which does as a test tells it."""

from __future__ import annotations

import asyncio
import email
import email.message
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.lanes import timeout_factor

PATIENCE_SECONDS = 20.0 * timeout_factor()


@dataclass(frozen=True)
class Received:
    """A mail that the server has taken."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    is_encrypted: bool
    user: str

    @property
    def message(self) -> email.message.Message:
        """Return it, read."""
        return email.message_from_bytes(self.data)


@dataclass
class Orders:
    """What the server is to do.

    Attributes:
        mail, data: answers to MAIL FROM and to the data; "" takes the mail.
        recipients: answers to RCPT TO, by address.
        hangs_up: whether it leaves in the place of an answer to the data.
        waits_after_data: whether it has taken the mail and does not say so.
    """

    mail: str = ""
    data: str = ""
    recipients: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    waits_after_data: bool = False


class SmtpServer:
    """A server in a thread, started at once.

    Args:
        tls: offers STARTTLS; None for none.
        is_encrypted: whether it speaks TLS from the first byte on, with `tls`.
        user: "name:password" that it asks for; "" for no login.
        needs_tls: whether it logs in over TLS alone.
        knows_utf8: whether it takes SMTPUTF8.

    Attributes:
        port: where it listens.
        orders: what it does; may be changed at any time.
        received: what it has taken, in order.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        is_encrypted: bool = False,
        user: str = "",
        needs_tls: bool = False,
        knows_utf8: bool = False,
    ) -> None:
        self.orders = Orders()
        self.received: list[Received] = []
        self.connections = 0
        self._user = user
        self._options: dict[str, Any] = {
            "hostname": "mail.example",
            "enable_SMTPUTF8": knows_utf8,
            # Otherwise it offers a login that nobody can pass.
            "auth_require_tls": needs_tls or not user,
            "loop": None,
        }
        if tls is not None and not is_encrypted:
            self._options["tls_context"] = tls
        if user:
            self._options.update(authenticator=self._log_in, auth_required=True)
        self._tls = tls if is_encrypted else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._options["loop"] = self._loop
        self._server: asyncio.AbstractServer | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._start())

    def close(self) -> None:
        """End it."""
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    async def handle_MAIL(
        self, server: SMTP, _: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        """See aiosmtpd."""
        if self.orders.mail:
            return self.orders.mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, _: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        """See aiosmtpd."""
        answer = self.orders.recipients.get(address, "")
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """See aiosmtpd."""
        content = envelope.original_content or b""
        if self.orders.hangs_up:
            assert server.transport is not None
            server.transport.close()
            return "421 bye"
        if self.orders.data:
            return self.orders.data
        self.received.append(
            Received(
                str(envelope.mail_from),
                tuple(map(str, envelope.rcpt_tos)),
                content,
                session.ssl is not None or self._tls is not None,
                str(session.auth_data or ""),
            )
        )
        while self.orders.waits_after_data:
            await asyncio.sleep(0.01)
        return "250 OK"

    def _log_in(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        name = data.login.decode()
        is_known = f"{name}:{data.password.decode()}" == self._user
        return AuthResult(success=is_known, handled=False, auth_data=name)

    def _make(self) -> SMTP:
        self.connections += 1
        return SMTP(self, **self._options)

    async def _start(self) -> None:
        self._server = await self._loop.create_server(
            self._make, sock=self._listener, ssl=self._tls
        )

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [
            each for each in asyncio.all_tasks() if each is not asyncio.current_task()
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, coroutine: Any) -> Any:
        found = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return found.result(PATIENCE_SECONDS)


class ScriptedServer:
    """A server that answers with what a function says, byte for byte.

    Args:
        serve: called with each connection, in a thread; its socket is closed after it.

    Attributes:
        port: where it listens.
    """

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no further connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    continue
