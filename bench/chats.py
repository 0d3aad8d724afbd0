"""The tutorial's chat here, and rewritten for other libraries (bench/rewrites).

    python3 -m bench.chats [--users 100] [--rounds 3]  measure
    python3 -m bench.chats --write                     measure, record, write
    python3 -m bench.chats --recorded --write          write the page again

The same client does the same to each: it logs people in, opens the page of each, and
posts to /chat. Servers take turns, round after round, and medians count. What was
recorded is bench/recorded/chats.json; docs/explanation/why-not.md shows it.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import original
from bench.install import install
from bench.load import Load
from bench.minichat import copy_app
from bench.peers import serve_command
from bench.places import BENCH, PYTHON, ROOT, on_server_core
from bench.plots import bars
from bench.process import ServerProcess, free_port
from bench.report import write_between
from bench.tables import number, table

REWRITES = BENCH / "rewrites"
RECORDED = BENCH / "recorded" / "chats.json"
PAGE = ROOT / "docs" / "explanation" / "why-not.md"
BEGIN, END = "<!-- chats: python3 -m bench.chats -->", "<!-- end of chats -->"

WRITERS = 4
REST_SECONDS = 2

Figures = dict[str, float]


@dataclass(frozen=True)
class Chat:
    """One server with the chat.

    Attributes:
        name: of its folder in bench/rewrites, or "channelshim".
        title: as in tables.
        ready: when a page counts as open; see bench/client.
        command: makes the command from the port and an empty folder.
        join: logs somebody in: returns the cookie, and the line that opens the page.
    """

    name: str
    title: str
    ready: str
    command: Callable[[int, Path], list[str]]
    join: Callable[[int, int], Awaitable[tuple[str, str]]]


def _ours(port: int, place: Path) -> list[str]:
    return serve_command(copy_app(place), port, place / "data")


def _rewrite(name: str) -> Callable[[int, Path], list[str]]:
    program = REWRITES / name / "server.py"
    return lambda port, place: on_server_core(PYTHON, program, str(port))


async def _join_ours(port: int, user: int) -> tuple[str, str]:
    cookie, token = await original.join(port, user)
    return cookie, f"/_ah/channel/socket?token={token}"


def _join_rewrite(page: str) -> Callable[[int, int], Awaitable[tuple[str, str]]]:
    async def join(port: int, user: int) -> tuple[str, str]:
        form = b"email=user%d%%40example.com" % user
        head, _ = await _post_form(port, "/login", form)
        found = re.search(rb"(?i)set-cookie: ?(session\w*=[^;\r]+)", head)
        if found is None:
            raise RuntimeError(f"no cookie: {head!r}")
        cookie = found[1].decode("ascii")
        await original.request(port, "/", cookie=cookie)
        return cookie, f"{page}\tCookie: {cookie}"

    return join


async def _post_form(port: int, path: str, form: bytes) -> tuple[bytes, bytes]:
    """Post a form on a connection of its own; return head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (path.encode(), port, len(form), form)
        )
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return head, body


CHATS = (
    Chat("channelshim", "channelshim", "hello", _ours, _join_ours),
    Chat(
        "flask_socketio",
        "Flask-SocketIO, gevent",
        "socketio",
        _rewrite("flask_socketio"),
        _join_rewrite("/socket.io/?EIO=4&transport=websocket"),
    ),
    Chat(
        "django_channels",
        "Django Channels, uvicorn",
        "handshake",
        _rewrite("django_channels"),
        _join_rewrite("/ws"),
    ),
)


def lines_changed(folder: Path) -> dict[str, int]:
    """Return how many lines a rewrite adds and removes; blank lines do not count."""
    pairs = (
        ("server.py", "server.py"),
        ("index.html", "templates/index.html"),
        ("static/main.js", "static/main.js"),
        ("app.yaml", ""),
        ("", "requirements.txt"),
    )
    counts = {"added": 0, "removed": 0}
    for old, new in pairs:
        before, after = _lines(ROOT, old), _lines(folder, new)
        for line in difflib.ndiff(before, after):
            counts["added"] += line.startswith("+ ")
            counts["removed"] += line.startswith("- ")
    return counts


def _lines(folder: Path, name: str) -> list[str]:
    text = (folder / name).read_text("utf-8") if name else ""
    return [line for line in text.splitlines() if line.strip()]


async def _join_all(chat: Chat, port: int, users: int) -> list[tuple[str, str]]:
    return [await chat.join(port, user) for user in range(users)]


def measure(chat: Chat, users: int) -> Figures:
    """Start a server, let it rest, have people join and talk; return the figures.

    Raises:
        RuntimeError: a page could not be opened, or the server died.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        port = free_port()
        command = chat.command(port, Path(place))
        with ServerProcess(command, port) as server:
            asyncio.run(original.request(port, "/"))
            figures = {
                "start_seconds": server.age_seconds(),
                "start_cpu_seconds": server.cpu_seconds(),
            }
            time.sleep(REST_SECONDS)
            figures["rest_mib"] = server.memory_kib() / 1024
            joined = asyncio.run(_join_all(chat, port, users))
            with Load(port) as load:
                figures |= _talk(chat, load, server, joined)
    return figures


def _talk(
    chat: Chat, load: Load, server: ServerProcess, joined: list[tuple[str, str]]
) -> Figures:
    opened = load.open([page for _, page in joined], chat.ready)
    if opened["pages"] != len(joined):
        raise RuntimeError(f"{chat.name}: only {opened['pages']} pages opened")
    # A page counts as open before the other side has noted it.
    time.sleep(1)
    for writer in range(WRITERS):
        load.tell(f"header {writer} Cookie: {joined[writer % len(joined)][0]}")
    load.tell("target /chat")
    load.tell("fanout 5 50")
    alone = load.tell("fanout 40 50")
    cpu = server.cpu_seconds()
    busy = load.tell(f"saturate {WRITERS} 3")
    spent = server.cpu_seconds() - cpu
    return {
        "answer_p50_ms": alone["answer_p50_ms"],
        "page_p50_ms": alone["latency_p50_ms"],
        "last_page_p50_ms": alone["fanout_p50_ms"],
        "delivered_per_second": busy["per_second"],
        "delivered_per_cpu_second": busy["delivered"] / max(spent, 0.01),
        "lost": alone["lost"] + busy["lost"],
        "refused": alone["refused"] + busy["refused"],
        "busy_mib": server.memory_kib() / 1024,
    }


def session(users: int, rounds: int) -> dict[str, Any]:
    """Measure all by turns; return what is to be recorded."""
    runs: dict[str, list[Figures]] = {chat.name: [] for chat in CHATS}
    for turn in range(rounds):
        for chat in CHATS:
            runs[chat.name].append(measure(chat, users))
            print(f"{chat.name}: {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    return {
        "users": users,
        "writers": WRITERS,
        "rounds": rounds,
        "load": round(os.getloadavg()[0], 1),
        "runs": runs,
        "lines": {c.name: lines_changed(REWRITES / c.name) for c in CHATS[1:]},
    }


def medians(recorded: dict[str, Any]) -> dict[str, Figures]:
    """Return the median of each figure by server."""
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in recorded["runs"].items()
    }


_ROWS = (
    ("start to the first answer, s", "start_seconds"),
    ("processor time of the start, s", "start_cpu_seconds"),
    ("memory at rest, MiB", "rest_mib"),
    ("memory after the load, MiB", "busy_mib"),
    ("POST /chat until its answer, p50 ms", "answer_p50_ms"),
    ("POST /chat until a page has it, p50 ms", "page_p50_ms"),
    ("POST /chat until all pages have it, p50 ms", "last_page_p50_ms"),
    ("deliveries per second under load", "delivered_per_second"),
    ("deliveries per second of processor time", "delivered_per_cpu_second"),
    ("messages lost", "lost"),
)


def text(recorded: dict[str, Any]) -> str:
    """Return the table of the page, as markdown."""
    found = medians(recorded)
    lines = [
        (title, *(number(found[chat.name][key]) for chat in CHATS))
        for title, key in _ROWS
    ]
    changed = recorded["lines"]
    for what in ("added", "removed"):
        counts = [str(changed[chat.name][what]) for chat in CHATS[1:]]
        lines.append((f"lines of the app {what}", "0", *counts))
    head = ("", *(chat.title for chat in CHATS))
    return (
        f"{recorded['users']:,} pages, {recorded['writers']} writers under load, "
        f"rounds: {recorded['rounds']}, load of the machine: {recorded['load']}\n\n"
        + table(head, lines)
    )


def plots(recorded: dict[str, Any]) -> dict[str, str]:
    """Return the SVG of each plot, by file name."""
    found = medians(recorded)
    drawn = {}
    for name, title, key in (
        ("chats-start", "Processor time of the start, s", "start_cpu_seconds"),
        ("chats-memory", "Memory at rest, MiB", "rest_mib"),
        ("chats-page", "POST /chat until a page has it, p50, ms", "page_p50_ms"),
    ):
        values = [
            (chat.title, found[chat.name][key], chat.name == "channelshim")
            for chat in CHATS
        ]
        values.sort(key=lambda value: value[1])
        drawn[f"{name}.svg"] = bars(title, values)
    return drawn


def page_text(recorded: dict[str, Any]) -> str:
    """Return all tables of the page.

    Args:
        recorded: sessions by the number of users, as text.
    """
    return "\n".join(text(each) for each in recorded.values())


def write_page(recorded: dict[str, Any]) -> None:
    """Put tables and plots between the marks of docs/explanation/why-not.md.

    The first session is drawn.
    """
    pictures = plots(next(iter(recorded.values())))
    for name, svg in pictures.items():
        (PAGE.parent / "img" / name).write_text(svg, "utf-8")
    shown = "\n".join(
        f"![{re.findall('<text[^>]*>([^<]*)', svg)[0]}](img/{name})"
        for name, svg in pictures.items()
    )
    write_between(PAGE, BEGIN, END, f"{shown}\n\n{page_text(recorded)}")


def main() -> int:
    """Measure or read, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.chats")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recorded", action="store_true", help="measure nothing")
    parser.add_argument("--write", action="store_true", help="record; write the page")
    arguments = parser.parse_args()
    recorded = json.loads(RECORDED.read_text("utf-8"))
    if not arguments.recorded:
        for sentence in install():
            print(f"not installed: {sentence}", file=sys.stderr)
        recorded[str(arguments.users)] = session(arguments.users, arguments.rounds)
        if arguments.write:
            RECORDED.write_text(json.dumps(recorded, indent=1) + "\n", "utf-8")
    print(page_text(recorded))
    if arguments.write:
        write_page(recorded)
    return 0


if __name__ == "__main__":
    sys.exit(main())
