"""The login that asks for no proof, at each door, over real sockets."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path

import pytest

from channelshim.composition import policy
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError
from channelshim.server.binding import bind
from tests.doors.test_refusals import refusal
from tests.doors.test_stop import SLOW
from tests.lanes import timeout_factor
from tests.programs import running
from tests.servers import Servers

LOGIN = "/_ah/login?action=Login&email=eve@example.com&admin=True&continue=/"

WRAPPED = """\
import sys
import channelshim

channelshim.install(storage_path="data", trusted_proxies="127.0.0.1")
from google.appengine.api import users
from paste.httpserver import serve

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(users.get_current_user()).encode()]

server = serve(channelshim.wrap(app), port="0", start_loop=False)
server.daemon_threads = True
print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


def ask(port: int, path: str, host: str, **headers: str) -> tuple[int, str, str]:
    """Return status, cookie and text of one answer."""
    seconds = 30 * timeout_factor()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers={"Host": host, **sent})
    answer = connection.getresponse()
    text = answer.read().decode()
    cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
    connection.close()
    return answer.status, cookie, text


def test_wrapped_login_is_for_this_machine(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(WRAPPED)
    with running([sys.executable, str(program)], tmp_path) as wrapped:
        port = int(wrapped.wait_for_url().rpartition(":")[2])
        local = f"localhost:{port}"
        status, cookie, _ = ask(port, LOGIN, local)
        assert status == 302
        assert ask(port, "/", local, Cookie=cookie)[2] == "eve@example.com"
        # A client of the proxy.
        forwarded = {"X_Forwarded_For": "203.0.113.5"}
        status, _, text = ask(port, LOGIN, local, **forwarded)
        assert status == 403
        assert "--allow-dev-login" in text
        assert ask(port, "/", local, Cookie=cookie, **forwarded)[2] == "None"
        assert wrapped.output.count("a login from") == 1
        # A name that its owner has pointed here.
        status, _, text = ask(port, "/", f"rebound.example:{port}", Cookie=cookie)
        assert status == 400
        assert "--allowed-hosts" in text


def test_served_login_is_for_this_machine(server: Servers) -> None:
    flags = ("--trusted_proxies=127.0.0.1", "--allowed-hosts=chat.example.com")
    closed = server(SLOW, *flags).port
    there = {"X_Forwarded_For": "203.0.113.5"}
    assert ask(closed, LOGIN, "chat.example.com", **there)[0] == 403
    assert ask(closed, LOGIN, "chat.example.com")[0] == 302
    assert ask(closed, LOGIN, "rebound.example")[0] == 400
    opened = server(SLOW, *flags, "--allow-dev-login").port
    assert ask(opened, LOGIN, "chat.example.com", **there)[0] == 302


def test_listening_beyond_this_machine_is_refused() -> None:
    sentence = refusal(str(SLOW), "--port=0", "--host=0.0.0.0")
    assert "--allow_dev_login" in sentence
    assert "0.0.0.0" in sentence


def test_the_bound_address_counts_not_the_text_of_the_host() -> None:
    settings = read_settings({"host": "127.office.example"}, {})
    policy.refuse_open_login(settings, listener := bind("127.0.0.2", 0))
    listener.close()
    with pytest.raises(ConfigurationError, match=r"0\.0\.0\.0 is reached"):
        policy.refuse_open_login(settings, listener := bind("0.0.0.0", 0))
    assert listener.fileno() == -1
