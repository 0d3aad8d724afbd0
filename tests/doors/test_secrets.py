"""Signing secrets: from the store, from a setting, and rotated."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from channelshim.composition.app_parts import COOKIES, TOKENS
from channelshim.store.sqlite.opening import open_store
from tests.doors.test_refusals import refusal
from tests.doors.test_stop import SLOW, get
from tests.servers import Server, Servers

VARIABLE = "CHANNELSHIM_SIGNING_SECRETS"


def is_good(server: Server, token: str) -> bool:
    url = f"{server.url}_ah/channel/poll?token={token}&wait=0"
    try:
        return bool(get(url))
    except urllib.error.HTTPError as error:
        return error.code != 401


def secrets_file(folder: Path, *lines: str) -> Path:
    """Return a file with these lines."""
    path = folder / "secrets.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def rotate(storage_path: Path, *flags: str) -> None:
    command = [sys.executable, "-m", "channelshim", "rotate-secrets", str(SLOW)]
    subprocess.run([*command, f"--storage_path={storage_path}", *flags], check=True)


def stored(storage_path: Path) -> dict[str, list[bytes]]:
    store = open_store(storage_path)
    try:
        return {each: list(store.secrets.get(each)) for each in (TOKENS, COOKIES)}
    finally:
        store.close()


def test_rotation_at_once_forgets_all_old_secrets(tmp_path: Path) -> None:
    rotate(tmp_path)
    before = stored(tmp_path)
    rotate(tmp_path, "--at-once")
    for purpose, (newest,) in stored(tmp_path).items():
        assert len(before[purpose]) == 2
        assert newest not in before[purpose]


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
    server: Servers, tmp_path: Path
) -> None:
    first = server(SLOW, env={VARIABLE: "s" * 32})
    second = server(SLOW, f"--signing-secrets-file={secrets_file(tmp_path, 's' * 32)}")
    third = server(SLOW)
    fourth = server(SLOW, "--application=another", env={VARIABLE: "s" * 32})
    token = get(first.url + "token")
    assert is_good(second, token)
    assert not is_good(third, token)
    assert not is_good(fourth, token)


def test_secrets_of_a_file_are_oldest_first(server: Servers, tmp_path: Path) -> None:
    path = secrets_file(tmp_path, "s" * 32, "", "n" * 32)
    old = server(SLOW, env={VARIABLE: "s" * 32})
    new = server(SLOW, f"--signing_secrets_file={path}")
    assert is_good(new, get(old.url + "token"))
    assert not is_good(old, get(new.url + "token"))


@pytest.mark.parametrize("flag", ["--signing_secrets", "--signing-secrets"])
def test_secrets_on_the_command_line_are_refused(flag: str) -> None:
    sentence = refusal(str(SLOW), "--port=0", f"{flag}={'s' * 32}")
    assert "list of processes" in sentence
    assert VARIABLE in sentence
    assert "--signing_secrets_file" in sentence


def test_a_file_of_secrets_that_is_no_good_is_refused(tmp_path: Path) -> None:
    for lines, reason in (([], "is empty"), (["short"], "at least 32 characters")):
        path = secrets_file(tmp_path, *lines)
        arguments = [str(SLOW), "--port=0", f"--signing_secrets_file={path}"]
        assert reason in refusal(*arguments)
    missing = refusal(str(SLOW), "--port=0", "--signing_secrets_file=/no/such")
    assert "cannot be read" in missing


def test_a_short_secret_is_refused(server: Servers) -> None:
    with pytest.raises(AssertionError, match="at least 32 characters"):
        server(SLOW, env={VARIABLE: "short"})
