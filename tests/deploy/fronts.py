"""nginx, Caddy and HAProxy on free ports, each with a file of `channelshim deploy`."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import await_condition
from tests.lanes import find_proxy, timeout_factor

PATIENCE_SECONDS = 20.0

NGINX = """\
daemon off;
{user}pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
"""What Debian's nginx.conf is to a site."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass(frozen=True)
class Front:
    """A running proxy.

    Attributes:
        domain: what it is called.
        https_port: where it listens.
        http_port: where it listens without TLS.
        tls: trusts its certificate.
    """

    domain: str
    https_port: int
    http_port: int
    tls: ssl.SSLContext = field(repr=False)

    @property
    def origin(self) -> str:
        """Return the origin of its pages."""
        return f"https://{self.domain}:{self.https_port}"

    def connect(self) -> socket.socket:
        """Return a connection to its https port, TLS still to come."""
        return socket.create_connection(
            ("127.0.0.1", self.https_port), PATIENCE_SECONDS * timeout_factor()
        )

    def ask(
        self,
        path: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """GET path over https, or POST body to it."""
        plain = self.connect()
        secured = self.tls.wrap_socket(plain, server_hostname=self.domain)
        return self._ask(secured, self.https_port, path, body, headers)

    def ask_in_the_clear(self, path: str) -> Answer:
        """GET path over http."""
        plain = socket.create_connection(
            ("127.0.0.1", self.http_port), PATIENCE_SECONDS * timeout_factor()
        )
        return self._ask(plain, self.http_port, path, None, None)

    def _ask(
        self,
        connected: socket.socket,
        port: int,
        path: str,
        body: str | None,
        headers: dict[str, str] | None,
    ) -> Answer:
        connection = http.client.HTTPConnection(self.domain, port)
        connection.sock = connected
        with connected:
            sent = body.encode() if body is not None else None
            connection.request(
                "GET" if body is None else "POST", path, sent, headers or {}
            )
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())


def adapted(text: str) -> str:
    """Return a file of a proxy for a machine that may be without IPv6 or root."""
    lines = text.splitlines(keepends=True)
    if not _has_ipv6():
        lines = [line for line in lines if "[::]" not in line]
    if os.geteuid() != 0:
        started = ("user ", "group ", "chroot ")
        lines = [line for line in lines if not line.strip().startswith(started)]
    return "".join(lines)


def _has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as found:
        found.bind(("::1", 0))
        return True
    return False


def command_of(name: str, text: str, folder: Path) -> list[str]:
    """Lay out what a proxy reads, and return its command.

    Args:
        name: nginx, caddy or haproxy.
        text: of the file that was written for it.
        folder: empty.
    """
    program = find_proxy(name)
    assert program is not None
    if name == "nginx":
        # Its workers are somebody else, where it is started by root.
        user = "user root;\n" if os.geteuid() == 0 else ""
        (folder / "site.conf").write_text(text)
        main = folder / "nginx.conf"
        main.write_text(NGINX.format(folder=folder, user=user))
        return [program, "-p", str(folder), "-e", "stderr", "-c", str(main)]
    if name == "caddy":
        file = folder / "Caddyfile"
        file.write_text(text)
        return [program, "run", "--adapter", "caddyfile", "--config", str(file)]
    file = folder / "haproxy.cfg"
    file.write_text(text)
    return [program, "-db", "-f", str(file)]


@contextmanager
def running(name: str, text: str, folder: Path, front: Front) -> Iterator[Front]:
    """Run a proxy while the block lasts; it begins when the app answers through it."""
    command = command_of(name, adapted(text), folder)
    variables = {
        **os.environ,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "CADDY_ADMIN": f"unix/{folder}/admin.sock",
    }
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )

    def is_up() -> bool:
        assert process.poll() is None, output.read_text()
        with suppress(OSError, http.client.HTTPException):
            return front.ask("/_ah/health").status == 200
        return False

    try:
        try:
            await_condition(is_up, PATIENCE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{output.read_text()}") from error
        yield front
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS * timeout_factor())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
