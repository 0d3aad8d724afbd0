"""A Redis behind TLS and a password: both ways in prove who is who."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelshim.broker.redis.address import parse
from channelshim.broker.redis.clients import reach
from channelshim.errors import ConfigurationError
from tests.broker.redis.conftest import Fronts
from tests.ports import free_port
from tests.redis_servers import RedisServer

pytestmark = pytest.mark.redis

SECRET = "pa55word"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return the folder of a certificate for 127.0.0.1 and its key."""
    assert shutil.which("openssl"), "install the system's package openssl"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    command += ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2"]
    command += ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    """Return the URL of a Redis with TLS, a user and a password, and its database."""
    port = free_port()
    redis = RedisServer(
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate / "cert.pem")),
        *("--tls-key-file", str(certificate / "key.pem")),
        *("--user", "app", "on", f">{SECRET}", "~*", "&*", "+@all"),
        *("--user", "default", "off"),
    )
    yield f"rediss://app:{SECRET}@127.0.0.1:{port}/3"
    redis.close()


def test_messages_go_through_tls(url: str, certificate: Path) -> None:
    with_file = f"{url}?ssl_ca_certs={certificate / 'cert.pem'}"
    fronts = Fronts(None, "tls", with_file)
    try:
        front = fronts()
        front.open_page("a")
        fronts.run_until(lambda: front.numbers)
        texts = [f"{number} ".ljust(3000, "x") for number in range(200)]
        for text in texts:
            front.broker.publish("a", text)
        fronts.run_until(lambda: len(front.got["a"]) >= 200)
        assert front.got["a"] == texts
        assert [each.client_id for each in front.broker.known_ids("", 9)] == ["a"]
    finally:
        fronts.close()


def test_server_that_nobody_vouches_for_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used") as raised:
        reach(parse(url), seconds=0)
    assert SECRET not in str(raised.value)
