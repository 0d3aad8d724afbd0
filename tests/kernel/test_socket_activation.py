"""Which inherited sockets are taken, and which are refused."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from channelshim.errors import ConfigurationError
from channelshim.kernel import socket_activation
from channelshim.kernel.socket_activation import inherited_listener

OWN = 4711


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "none"},
        {"LISTEN_PID": "4711"},
        {"LISTEN_FDS": "0", "LISTEN_PID": "4711"},
    ],
)
def test_what_is_not_for_this_process_is_left(variables: dict[str, str]) -> None:
    assert inherited_listener(variables, OWN) is None


def test_more_than_one_is_refused() -> None:
    variables = {"LISTEN_FDS": "2", "LISTEN_PID": "4711", "LISTEN_FDNAMES": "a:b"}
    with pytest.raises(ConfigurationError, match="hands over 2 sockets"):
        inherited_listener(variables, OWN)
    assert variables == {}


def taken(number: int, monkeypatch: pytest.MonkeyPatch) -> socket.socket | None:
    # systemd's is 3, which is something else's in a test.
    monkeypatch.setattr(socket_activation, "_FIRST", number)
    variables = {"LISTEN_FDS": "1", "LISTEN_PID": "4711", "HOME": "/"}
    found = inherited_listener(variables, OWN)
    assert variables == {"HOME": "/"}
    return found


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_listening_socket_is_taken(
    family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(family) as listener:
        # Not bound: a machine may be without IPv6 addresses.
        listener.listen()
        number = os.dup(listener.fileno())
    found = taken(number, monkeypatch)
    assert found is not None
    with found:
        assert found.fileno() == number
        # The app's child processes do not get it.
        assert not found.get_inheritable()
        assert found.getblocking() is False


def test_sockets_of_another_kind_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    unix.listen()
    # As Accept=yes hands over a connection, and ListenDatagram= a socket of UDP.
    silent = socket.socket()
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    for other in (unix, silent, datagrams):
        with pytest.raises(ConfigurationError, match="does not listen on TCP"):
            taken(other.detach(), monkeypatch)


def test_what_is_no_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ConfigurationError, match=f"descriptor {number} is"):
            taken(number, monkeypatch)
    finally:
        os.close(number)
