"""Peers that mean no good, in a process of their own beside a server's honest users.

    python -m tests.server.attackers PORT SEED

Attacks until its standard input ends, and then prints how often each attack was carried
out, as JSON. The server has the app of tests/server/test_soak.py, and may restart.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPException

from tests.fuzz.fuzzing import CORPUS
from tests.lanes import ROOT, timeout_factor
from tests.server.plain_site import masked

THREADS = 4
"""That attack at once."""

HOLD_SECONDS = 1.0
"""That a peer stays connected without doing anything, at most."""

MOST_READS = 100
"""Of an answer: attackers do not care for the rest."""

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

RESET = struct.pack("ii", 1, 0)

HOST = "Host: localhost\r\n"
POST = f"POST /echo HTTP/1.1\r\n{HOST}"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

BAD_FRAMES = [
    b"\x81\x01a",  # no mask
    b"\xf1" + masked(TEXT, b"a")[1:],
    b"\x83" + masked(TEXT, b"a")[1:],
    b"\x09" + masked(PING, b"a")[1:],
    b"\x81\xff" + b"\x7f" * 8,
    b"\x81\xff" + b"\xff" * 8,
    masked(TEXT, b"\xff\xfe"),
    masked(CLOSE, b"\x03"),
    masked(CLOSE, b"\xff\xff"),
    masked(TEXT, b"a" * 100)[:50],
    masked(TEXT, b"a", is_final=False) * 500,
]


class Attacker:
    """One attack after the other, in one thread.

    Args:
        port: of the server.
        number: of the thread.
        seed: of order and sizes.
        is_over: ends it.
        done: counts what was carried out.
    """

    def __init__(
        self,
        port: int,
        number: int,
        seed: int,
        is_over: threading.Event,
        done: Counter[str],
    ) -> None:
        self._port = port
        self._number = number
        self._chance = random.Random(f"{seed} {number}")
        self._is_over = is_over
        self._done = done

    def run(self) -> None:
        """Attack until it is over."""
        names = [name for name in vars(Attacker) if name.startswith("attack_")]
        # The threads share the first round, so that each attack comes soon.
        order = names[self._number :: THREADS]
        while not self._is_over.is_set():
            for name in order:
                if self._is_over.is_set():
                    return
                attack: Callable[[], None] = getattr(self, name)
                try:
                    attack()
                except ConnectionRefusedError:
                    # It restarts.
                    self._rest(0.1)
                    continue
                except (OSError, HTTPException):
                    # The attack was cut or refused, as it should be.
                    pass
                self._done[name.removeprefix("attack_")] += 1
            order = self._chance.sample(names, len(names))

    # --- HTTP ---------------------------------------------------------------------

    def attack_slow_heads(self) -> None:
        with self._peers(10) as peers:
            head = f"GET / HTTP/1.1\r\n{HOST}X: ".encode("ascii")
            for at in range(self._chance.randrange(5, len(head))):
                for peer in peers:
                    peer.sendall(head[at : at + 1])
                self._rest(0.03)

    def attack_slow_bodies(self) -> None:
        with self._peers(5) as peers:
            for peer in peers:
                self._send(peer, f"{POST}Content-Length: 999\r\n\r\n")
            for _ in range(self._chance.randrange(20)):
                for peer in peers:
                    peer.sendall(b"x")
                self._rest(0.05)

    def attack_unread_answers(self) -> None:
        with self._peers(5, receive_buffer=4096) as peers:
            for peer in peers:
                self._send(peer, f"GET /big HTTP/1.1\r\n{HOST}\r\n")
            self._rest(HOLD_SECONDS)

    def attack_requests_in_a_row(self) -> None:
        path = self._chance.choice(("/", "/_ah/channel/jsapi", "/_ah/channel/poll"))
        row = f"GET {path} HTTP/1.1\r\n{HOST}\r\n" * 3000
        with self._peers(1) as (peer,):
            with contextlib.suppress(OSError):
                self._send(peer, row)
            if self._chance.random() < 0.5:
                self._read(peer)

    def attack_resets_in_a_body(self) -> None:
        length = "Content-Length: 300000\r\n\r\n"
        chunked = "Transfer-Encoding: chunked\r\n\r\n4000\r\n"
        framing = self._chance.choice((length, chunked))
        with self._peers(5) as peers:
            for peer in peers:
                self._send(peer, f"{POST}{framing}")
                peer.sendall(b"x" * self._chance.randrange(1 << 18))
                self._reset(peer)

    def attack_resets_in_an_answer(self) -> None:
        with self._peers(5) as peers:
            for peer in peers:
                self._send(peer, f"GET /big HTTP/1.1\r\n{HOST}\r\n")
                peer.recv(1000)
                self._reset(peer)

    def attack_huge_heads(self) -> None:
        many = "".join(f"X-{number}: {number}\r\n" for number in range(5000))
        heads = [
            f"GET /{'x' * 200_000} HTTP/1.1\r\n{HOST}\r\n",
            f"GET / HTTP/1.1\r\n{HOST}Cookie: {'x' * 1_000_000}\r\n\r\n",
            f"GET / HTTP/1.1\r\n{HOST}{many}\r\n",
        ]
        with self._peers(1) as (peer,):
            self._send(peer, self._chance.choice(heads))
            self._read(peer)

    def attack_refused_uploads(self) -> None:
        size = self._chance.choice((1 << 26, 1 << 30, 1 << 62))
        with self._peers(1) as (peer,):
            self._send(peer, f"{POST}Content-Length: {size}\r\n\r\n")
            with contextlib.suppress(OSError):
                peer.sendall(bytes(1 << 20))
            self._read(peer)

    def attack_odd_bytes(self) -> None:
        files = sorted(file for file in (CORPUS / "http").rglob("*") if file.is_file())
        data = bytearray(self._chance.choice(files).read_bytes())
        for _ in range(self._chance.randrange(4)):
            data[self._chance.randrange(len(data))] = self._chance.randrange(256)
        with self._peers(1) as (peer,):
            peer.sendall(data)
            self._read(peer)

    def attack_held_polls(self) -> None:
        path = f"/_ah/channel/poll?token={self._token()}&wait=20"
        with self._peers(10) as peers:
            for peer in peers:
                self._send(peer, f"GET {path} HTTP/1.1\r\n{HOST}\r\n")
            self._rest(HOLD_SECONDS / 2)

    # --- WebSockets ---------------------------------------------------------------

    def attack_floods_of_frames(self) -> None:
        opcode = self._chance.choice((TEXT, PING, PONG))
        flood = masked(opcode, b"x" * self._chance.randrange(126)) * 5000
        with self._peers(1) as (peer,):
            self._send(peer, self._handshake(self._token_or_none()))
            with contextlib.suppress(OSError):
                peer.sendall(flood)
                peer.sendall(masked(CLOSE, struct.pack(">H", 1000)))
            self._read(peer)

    def attack_bad_frames(self) -> None:
        with self._peers(1) as (peer,):
            self._send(peer, self._handshake(self._token()))
            peer.sendall(self._chance.choice(BAD_FRAMES))
            if self._chance.random() < 0.3:
                self._reset(peer)
            else:
                self._read(peer)

    def attack_bad_handshakes(self) -> None:
        good = self._handshake(self._token_or_none())
        bad = [
            good[: self._chance.randrange(len(good))],
            good.replace("GET", "POST"),
            good.replace("HTTP/1.1", "HTTP/1.0"),
            good.replace("Version: 13", "Version: 12"),
            good.replace(KEY, ""),
            good.replace(HOST, HOST + "Origin: http://evil.example\r\n"),
            good.replace(HOST, HOST * 2),
            good.replace("/socket", "/nowhere"),
            f"GET /big HTTP/1.1\r\n{HOST}\r\n{good}",
        ]
        with self._peers(1) as (peer,):
            self._send(peer, self._chance.choice(bad))
            self._read(peer)

    def attack_pages_that_never_read(self) -> None:
        handshake = self._handshake(self._token(), "&after=1")
        with self._peers(5, receive_buffer=4096) as peers:
            for peer in peers:
                self._send(peer, handshake)
            with contextlib.suppress(OSError):
                self._ask("/burst")
            self._rest(HOLD_SECONDS)

    # --- What they share ----------------------------------------------------------

    def _ask(self, path: str) -> str:
        url = f"http://127.0.0.1:{self._port}{path}"
        with urllib.request.urlopen(url, timeout=10 * timeout_factor()) as answer:
            return str(answer.read().decode("ascii"))

    def _token(self) -> str:
        return self._ask("/token?id=attacker")

    def _token_or_none(self) -> str:
        return self._token() if self._chance.random() < 0.5 else "nonsense"

    def _handshake(self, token: str, more: str = "") -> str:
        return (
            f"GET /_ah/channel/socket?token={token}{more} HTTP/1.1\r\n{HOST}"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\n{KEY}\r\n"
        )

    @contextlib.contextmanager
    def _peers(
        self, count: int, receive_buffer: int = 0
    ) -> Iterator[list[socket.socket]]:
        with ExitStack() as stack:
            peers = [stack.enter_context(socket.socket()) for _ in range(count)]
            for peer in peers:
                if receive_buffer:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
                peer.settimeout(HOLD_SECONDS)
                peer.connect(("127.0.0.1", self._port))
            yield peers

    def _send(self, peer: socket.socket, text: str) -> None:
        peer.sendall(text.encode("ascii"))

    def _read(self, peer: socket.socket) -> None:
        """Read to the end, or for a while."""
        peer.settimeout(self._chance.uniform(0.01, HOLD_SECONDS))
        for _ in range(MOST_READS):
            if not peer.recv(65536):
                return

    def _reset(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        peer.close()

    def _rest(self, seconds: float) -> None:
        self._is_over.wait(seconds)


class Attackers:
    """The process of all, for the test that starts it.

    Args:
        port: of the server.
        seed: of the attacks.
    """

    def __init__(self, port: int, seed: int) -> None:
        command = [sys.executable, "-m", "tests.server.attackers", str(port), str(seed)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def stop(self) -> dict[str, int]:
        """Stop them; return how often each attack was carried out.

        Raises:
            AssertionError: one of them has failed by itself.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(30 * timeout_factor()) == 0
        counts: dict[str, int] = json.load(self._process.stdout)
        return counts

    def kill(self) -> None:
        """End them, however they are. Idempotent."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


def main(port: int, seed: int) -> None:
    """Attack until the standard input ends."""
    os.nice(5)
    is_over = threading.Event()
    counts: list[Counter[str]] = [Counter() for _ in range(THREADS)]
    threads = []
    for number, done in enumerate(counts):
        attacker = Attacker(port, number, seed, is_over, done)
        threads.append(threading.Thread(target=attacker.run, daemon=True))
    for thread in threads:
        thread.start()
    sys.stdin.read()
    have_failed = not all(thread.is_alive() for thread in threads)
    is_over.set()
    for thread in threads:
        thread.join(20 * timeout_factor())
    print(json.dumps(sum(counts, Counter())))
    sys.exit(have_failed)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
