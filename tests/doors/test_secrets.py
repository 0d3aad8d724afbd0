"""Signing secrets: from the store, from a setting, and rotated."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.doors.test_stop import SLOW, get
from tests.servers import Server, Servers


def is_good(server: Server, token: str) -> bool:
    url = f"{server.url}_ah/channel/poll?token={token}&wait=0"
    try:
        return bool(get(url))
    except urllib.error.HTTPError as error:
        return error.code != 401


def rotate(storage_path: Path) -> None:
    command = [sys.executable, "-m", "channelshim", "rotate-secrets", str(SLOW)]
    subprocess.run([*command, f"--storage_path={storage_path}"], check=True)


def test_an_old_secret_verifies_until_the_next_rotation(
    server: Servers, tmp_path: Path
) -> None:
    first = server(SLOW, storage_path=tmp_path)
    token = get(first.url + "token")
    assert is_good(first, token)
    assert first.stop() == 0
    rotate(tmp_path)
    second = server(SLOW, storage_path=tmp_path)
    assert is_good(second, token)
    newer = get(second.url + "token")
    assert second.stop() == 0
    rotate(tmp_path)
    third = server(SLOW, storage_path=tmp_path)
    assert not is_good(third, token)
    assert is_good(third, newer)


def test_servers_that_are_given_one_secret_believe_each_other(
    server: Servers,
) -> None:
    first = server(SLOW, "--signing_secrets=" + "s" * 32)
    second = server(SLOW, "--signing-secrets=" + "s" * 32)
    third = server(SLOW)
    token = get(first.url + "token")
    assert is_good(second, token)
    assert not is_good(third, token)


def test_a_short_secret_is_refused(server: Servers) -> None:
    with pytest.raises(AssertionError, match="at least 32 characters"):
        server(SLOW, "--signing_secrets=short")
