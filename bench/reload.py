"""Measure a reload: from the write of a changed file to the new code's first answer.

    python bench/reload.py [--times 10] [--pages 1]

The tutorial's app is served as `dev_appserver.py .` serves it. server.py is changed and
changed back; noted are the first answer of the new code and when every open page's
WebSocket is back. Prints a Markdown table of seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from websockets.exceptions import ConnectionClosed, InvalidHandshake  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

from channelshim.cli.project import write_tutorial_app  # noqa: E402 -- path set above
from tests.programs import running  # noqa: E402

WANTED_SECONDS = 1.5
PATIENCE_SECONDS = 60.0

VERSION = """

class VersionHandler(webapp2.RequestHandler):
  def get(self):
    self.response.write('{version}')

class TokenHandler(webapp2.RequestHandler):
  def get(self):
    self.response.write(channel.create_channel(self.request.get('id')))

app.router.add(('/version', VersionHandler))
app.router.add(('/token', TokenHandler))
"""


class Page:
    """A page whose WebSocket comes back by itself.

    Attributes:
        opened: when the WebSocket was opened, monotonic seconds, oldest first.
    """

    def __init__(self, url: str, client_id: str) -> None:
        token = ask(f"{url}/token?id={client_id}")
        self._address = f"ws{url[4:]}/_ah/channel/socket?token={token}"
        self._last: int | None = None
        self.opened: list[float] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            after = "" if self._last is None else f"&after={self._last}"
            with (
                contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed),
                connect(self._address + after) as line,
            ):
                self._last = int(json.loads(line.recv())["id"])
                self.opened.append(time.monotonic())
                for _ in line:
                    self._last += 1


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10, metavar="N")
    parser.add_argument("--pages", type=int, default=1, metavar="N")
    arguments = parser.parse_args()
    with served() as (url, code):
        original = code.read_text(encoding="utf-8")
        code.write_text(original + VERSION.format(version="0"), encoding="utf-8")
        wait_for(url, "0")
        pages = [Page(url, f"page-{number}") for number in range(arguments.pages)]
        until(lambda: all(page.opened for page in pages))
        answers, returns = [], []
        for number in range(1, arguments.times + 1):
            time.sleep(0.5)
            counts = [len(page.opened) for page in pages]
            began = time.monotonic()
            text = original + VERSION.format(version=number)
            code.write_text(text, encoding="utf-8")
            wait_for(url, str(number))
            answers.append(time.monotonic() - began)
            until(
                lambda counts=counts: all(
                    len(page.opened) > count
                    for page, count in zip(pages, counts, strict=True)
                )
            )
            returns.append(max(page.opened[-1] for page in pages) - began)
    print("| from the write of server.py | median s | worst s | wanted |")
    print("|---|---|---|---|")
    for name, seconds in (
        ("to the new code's first answer", answers),
        (f"to every page's return ({arguments.pages})", returns),
    ):
        median, worst = statistics.median(seconds), max(seconds)
        print(f"| {name} | {median:.2f} | {worst:.2f} | {WANTED_SECONDS} |")


@contextlib.contextmanager
def served() -> Iterator[tuple[str, Path]]:
    """Serve the tutorial's app; yield its address and its server.py."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app"
        write_tutorial_app(app)
        command = [sys.executable, "-m", "channelshim", "serve", str(app), "--port=0"]
        command += [f"--storage_path={folder}/data", "--log_level=warning"]
        with running(command, Path(folder)) as program:
            yield program.wait_for_url(), app / "server.py"


def ask(url: str) -> str:
    """Return the body of a GET; "" for an error."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            text: str = answer.read().decode("utf-8")
            return text
    except OSError:
        return ""


def wait_for(url: str, version: str) -> None:
    """Wait until the code of a version answers."""
    until(lambda: ask(f"{url}/version") == version)


def until(is_true: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            sys.exit("the server did not come back in time")
        time.sleep(0.005)


if __name__ == "__main__":
    main()
