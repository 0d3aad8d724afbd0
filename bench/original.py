"""The original development server, and pages that poll it as its own jsapi did."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.install import python27
from bench.places import ORIGINAL, on_server_core

POLL_SECONDS = 0.5
"""The original's pages poll so often."""

MAXIMUM_SECONDS = 90


def command(app: Path, port: int, folder: Path) -> list[str]:
    """Return the command that serves app with SDK 1.9.88 on Python 2.7."""
    python = python27()
    if python is None or not ORIGINAL.exists():
        raise RuntimeError("the original needs Python 2.7 and bench/.cache/original")
    return on_server_core(
        python,
        ORIGINAL / "dev_appserver.py",
        *("--skip_sdk_update_check=yes", f"--storage_path={folder}"),
        *("--port", str(port), "--admin_port", str(port + 1)),
        *("--api_port", str(port + 2), "--log_level", "warning"),
        *("--dev_appserver_log_level", "warning", app),
    )


@dataclass
class Chat:
    """What 100 polling pages saw of some posts.

    Attributes:
        answer_seconds: of each POST /chat.
        page_seconds: from each POST to each page.
        missing: messages that never came.
        waits: for the answer and the pages of a post that is not over: when it was
            made, and when each page had it.
    """

    answer_seconds: list[float] = field(default_factory=list)
    page_seconds: list[float] = field(default_factory=list)
    last_seconds: list[float] = field(default_factory=list)
    missing: int = 0
    waits: tuple[float, list[float]] | None = None

    def give_up(self, users: int) -> None:
        """Count what is awaited as if it came now: it takes at least so long."""
        if self.waits is None:
            return
        now = time.monotonic()
        begun, arrived = self.waits
        if len(self.answer_seconds) <= len(self.last_seconds):
            self.answer_seconds.append(now - begun)
        late = [now] * (users - len(arrived))
        self.page_seconds += [at - begun for at in arrived + late]
        self.last_seconds.append(now - begun)
        self.missing += len(late)


async def request(
    port: int, path: str, *, cookie: str = "", body: bytes | None = None
) -> tuple[bytes, bytes]:
    """Make one request on a connection of its own; return head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        method = "GET" if body is None else "POST"
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\n"
        head += "Connection: close\r\n" + (f"Cookie: {cookie}\r\n" if cookie else "")
        if body is not None:
            head += "Content-Type: text/plain;charset=UTF-8\r\n"
            head += f"Content-Length: {len(body)}\r\n"
        writer.write(head.encode("ascii") + b"\r\n" + (body or b""))
        answer = await reader.read()
    finally:
        writer.close()
    top, _, content = answer.partition(b"\r\n\r\n")
    return top, content


async def join(port: int, user: int) -> tuple[str, str]:
    """Log a user in and load the tutorial's page; return the cookie and the token.

    Raises:
        RuntimeError: the server gave none.
    """
    path = f"/_ah/login?email=user{user}%40example.com&action=Login&continue=/"
    head, _ = await request(port, path)
    cookie = re.search(rb"(?i)set-cookie: ?(dev_appserver_login=[^;\r]+)", head)
    if cookie is None:
        raise RuntimeError(f"no cookie: {head!r}")
    _, page = await request(port, "/", cookie=cookie[1].decode("ascii"))
    token = re.search(rb"Channel\('([^']+)'\)", page)
    if token is None:
        raise RuntimeError(f"no token: {page!r}")
    return cookie[1].decode("ascii"), token[1].decode("ascii")


async def join_all(port: int, users: int) -> list[tuple[str, str]]:
    """Join one after the other, as people do."""
    return [await join(port, user) for user in range(users)]


class _Pages:
    """Polling pages; one asyncio task each."""

    def __init__(self, port: int, tokens: Sequence[str]) -> None:
        self._port = port
        self._tokens = tokens
        self.seen: list[set[bytes]] = [set() for _ in tokens]
        self.arrived: dict[bytes, list[float]] = {}

    async def poll(self, number: int) -> None:
        token = self._tokens[number]
        base = f"/_ah/channel/dev?channel={token}&command="
        await request(self._port, base + "connect")
        await asyncio.sleep(POLL_SECONDS * number / len(self._tokens))
        while True:
            begun = time.monotonic()
            try:
                _, body = await request(self._port, base + "poll")
            except OSError:
                continue
            mark = re.search(rb"~(\d+)~", body)
            if mark is not None and mark[1] not in self.seen[number]:
                self.seen[number].add(mark[1])
                self.arrived.setdefault(mark[1], []).append(time.monotonic())
            rest = POLL_SECONDS - (time.monotonic() - begun)
            await asyncio.sleep(max(0.0, rest))


async def chat(port: int, users: int, posts: int) -> Chat:
    """Have `users` join and poll; the first of them posts; return what was seen.

    With many users, or with its core shared, the original starts ever more instances
    and ends nothing: after MAXIMUM_SECONDS, what is still awaited counts as if it came
    then.

    Raises:
        RuntimeError: until then nothing could be posted.
    """
    seen = Chat()
    try:
        await asyncio.wait_for(_chat(port, users, posts, seen), MAXIMUM_SECONDS)
    except asyncio.TimeoutError:
        seen.give_up(users)
        if not seen.answer_seconds:
            raise RuntimeError(f"the original collapsed under {users} users") from None
    return seen


async def _chat(port: int, users: int, posts: int, seen: Chat) -> None:
    joined = await join_all(port, users)
    pages = _Pages(port, [token for _, token in joined])
    tasks = [asyncio.ensure_future(pages.poll(number)) for number in range(users)]
    try:
        # The original's store keeps queries behind by about a second.
        await asyncio.sleep(3)
        for number in range(posts):
            await _post(port, joined[0][0], number, users, pages, seen)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _post(
    port: int, cookie: str, number: int, users: int, pages: _Pages, seen: Chat
) -> None:
    mark = b"%d" % number
    arrived = pages.arrived.setdefault(mark, [])
    begun = time.monotonic()
    seen.waits = begun, arrived
    await request(port, "/chat", cookie=cookie, body=b"~%d~" % number + b"x" * 58)
    seen.answer_seconds.append(time.monotonic() - begun)
    while len(arrived) < users and time.monotonic() < begun + 20:
        await asyncio.sleep(0.002)
    seen.page_seconds += [at - begun for at in arrived]
    seen.last_seconds.append(max(arrived, default=begun + 20) - begun)
    seen.missing += users - len(arrived)
    seen.waits = None
    await asyncio.sleep(0.3)


def chat_figures(seen: Chat) -> dict[str, float]:
    """Return the medians in milliseconds, and what was lost."""
    return {
        "chat_answer_p50_ms": 1000 * statistics.median(seen.answer_seconds),
        "chat_page_p50_ms": 1000 * statistics.median(seen.page_seconds),
        "fanout_p50_ms": 1000 * statistics.median(seen.last_seconds),
        "chat_lost": seen.missing,
    }
