"""A small OpenID provider on loopback, which the tests can have misbehave.

It checks what a provider checks: the redirect URI, the client's secret, the code and
its verifier. What it answers can be changed, claim by claim.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import (
    parse_qs,
    parse_qsl,
    quote,
    quote_plus,
    urlencode,
    urlsplit,
)
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tests.appserver.signing import Signing

CLIENT_ID = "this app"
SECRET = "the client's secret"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...


class _Server(ThreadingMixIn, WSGIServer):
    # A browser opens connections in advance, and sends nothing.
    daemon_threads = True


class OpenIdProvider:
    """One provider; a context manager.

    Args:
        tls: speaks https with this; None for http.

    Attributes:
        url: its issuer.
        claims: what its id_token says besides what it must, or instead.
        userinfo: what its userinfo says; None has no such address.
        facts: what its discovery document says besides, or instead.
        secret: that the client must know.
        signing: what it signs with.
        published: whose keys it shows.
        answers: path to a status and a body in the place of the real answer.
        asked: path of each request.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.facts: dict[str, Any] = {}
        self.secret = SECRET
        self.signing = Signing()
        self.published = [self.signing]
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.sign: Callable[[dict[str, Any]], str] | None = None
        self._codes: dict[str, dict[str, str]] = {}
        self._server: WSGIServer = make_server(
            "127.0.0.1", 0, self._answer, _Server, _Quiet
        )
        scheme = "http"
        if tls is not None:
            scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        # How often it looks whether it is to stop; half a second is usual.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> OpenIdProvider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody from now on. Idempotent."""
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def authorize(self, url: str) -> str:
        """Log the visitor in; return where the browser is sent then."""
        parts = urlsplit(url)
        assert parts.path == "/authorize"
        asked = dict(parse_qsl(parts.query))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert set(asked["scope"].split()) == {"openid", "email"}
        assert len(asked["nonce"]) >= 16
        assert len(asked["state"]) >= 16
        code = secrets.token_hex()
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"]}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def discovery(self) -> dict[str, Any]:
        """Return the discovery document."""
        facts = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/end",
            **(
                {} if self.userinfo is None else {"userinfo_endpoint": f"{self.url}/me"}
            ),
            **self.facts,
        }
        return {name: value for name, value in facts.items() if value is not None}

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path in self.answers:
            status, body = self.answers[path]
        elif path == "/.well-known/openid-configuration":
            status, body = 200, json.dumps(self.discovery()).encode()
        elif path == "/keys":
            keys = [each.public() for each in self.published]
            status, body = 200, json.dumps({"keys": keys}).encode()
        elif path == "/token":
            status, body = self._token(environ)
        elif path in ("/authorize", "/end"):
            # A browser: nobody is asked, and it is sent back at once.
            location = self._location(path, environ["QUERY_STRING"])
            start_response("303 See Other", [("Location", location)])
            return [b""]
        elif path == "/me" and self.userinfo is not None:
            assert environ["HTTP_AUTHORIZATION"] == "Bearer an access token"
            status, body = 200, json.dumps(self.userinfo).encode()
        else:
            status, body = 404, b""
        start_response(
            f"{status} {HTTPStatus(status).phrase}",
            [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
        )
        return [body]

    def _location(self, path: str, query: str) -> str:
        if path == "/authorize":
            return self.authorize(f"{self.url}{path}?{query}")
        asked = dict(parse_qsl(query))
        back = {"state": asked["state"]}
        return f"{asked['post_logout_redirect_uri']}?{urlencode(back)}"

    def _token(self, environ: dict[str, Any]) -> tuple[int, bytes]:
        length = int(environ["CONTENT_LENGTH"])
        form = {
            name: values[0]
            for name, values in parse_qs(
                environ["wsgi.input"].read(length).decode()
            ).items()
        }
        if not _knows(self.secret, environ.get("HTTP_AUTHORIZATION", "")):
            return 401, b'{"error": "invalid_client"}'
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return 400, b'{"error": "invalid_grant"}'
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": "ann@example.com",
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        sign = self.sign or self.signing.sign
        token = {
            "access_token": "an access token",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": sign(claims),
        }
        return 200, json.dumps(token).encode()


def _knows(secret: str, authorization: str) -> bool:
    kind, _, sent = authorization.partition(" ")
    # Releases of Authlib quote the two differently, or not at all.
    written: list[Callable[[str], str]] = [str, quote, quote_plus]
    return kind == "Basic" and base64.b64decode(sent).decode() in [
        f"{write(CLIENT_ID)}:{write(secret)}" for write in written
    ]
