"""The tutorial, unmodified, with N users: ours beside the original.

Ours has WebSockets, the original pages that poll every 500 ms. The first user posts;
everybody, the poster too, waits for the text.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from bench import original
from bench.load import Load
from bench.peers import serve_command
from bench.places import PYTHON, ROOT, on_server_core
from bench.process import ServerProcess, free_port
from bench.push import Figures

APP_FILES = ("app.yaml", "server.py", "index.html", "static/main.js")


def copy_app(folder: Path) -> Path:
    """Copy the root's four files into an empty folder and return it."""
    app = folder / "minichat"
    (app / "static").mkdir(parents=True)
    for name in APP_FILES:
        shutil.copy(ROOT / name, app / name)
    return app


def ours(users: int, posts: int, python: Path = PYTHON) -> Figures:
    """Measure channelshim with so many users."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        app, port = copy_app(Path(place)), free_port()
        command = serve_command(app, port, Path(place) / "data", python)
        with ServerProcess(command, port) as server, Load(port) as load:
            joined = asyncio.run(original.join_all(server.port, users))
            paths = [f"/_ah/channel/socket?token={token}" for _, token in joined]
            opened = load.open(paths, "hello")
            if opened["pages"] != users:
                raise RuntimeError(f"only {opened['pages']} of {users} pages")
            load.tell(f"header 0 Cookie: {joined[0][0]}")
            load.tell("target /chat")
            load.tell("fanout 5 50")
            report = load.tell(f"fanout {posts} 50")
    return {
        "chat_answer_p50_ms": report["answer_p50_ms"],
        "chat_page_p50_ms": report["latency_p50_ms"],
        "fanout_p50_ms": report["fanout_p50_ms"],
        "chat_lost": report["lost"],
    }


def theirs(users: int, posts: int) -> Figures:
    """Measure the original with so many users.

    Raises:
        RuntimeError: it is not at hand.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        app, port = copy_app(Path(place)), free_port(2)
        command = original.command(app, port, Path(place) / "data")
        (Path(place) / "data").mkdir()
        with ServerProcess(command, port):
            seen = asyncio.run(original.chat(port, users, posts))
    return original.chat_figures(seen)


def start(*, is_original: bool, python: Path = PYTHON) -> Figures:
    """Measure from the command to the first answer, and the memory at rest."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        app, port = copy_app(Path(place)), free_port(2)
        data = Path(place) / "data"
        data.mkdir()
        if is_original:
            command = original.command(app, port, data)
        else:
            command = on_server_core(
                python.parent / "dev_appserver.py",
                *(app, "--port", str(port), "--storage_path", data),
            )
        with ServerProcess(command, port, folder=app) as server:
            return asyncio.run(_first_answer(server))


async def _first_answer(server: ServerProcess) -> Figures:
    loop = asyncio.get_running_loop()
    begun = loop.time() - server.age_seconds()
    await original.request(server.port, "/")
    seconds = loop.time() - begun
    await asyncio.sleep(2)
    return {"start_seconds": seconds, "start_memory_mib": server.memory_kib() / 1024}
