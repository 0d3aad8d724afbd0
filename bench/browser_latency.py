"""Measure the tutorial's chat in real Chromium: from one page's POST to another page.

    python bench/browser_latency.py [--messages 300]

Ann and Bob, each in a browser context of their own, have the tutorial's app open. Ann's
page notes the time and sends, as its form does; a MutationObserver in either page notes
when the text stands in the document. Once on our own server, over WebSockets, and once
as `channelshim.wrap(app)` under paste.httpserver, over polls. Prints a Markdown table,
and below it how long after the closing of a tab its ActiveUser was gone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from channelshim.cli.project import write_tutorial_app  # noqa: E402 -- path set above
from tests.chromium import open_browser  # noqa: E402
from tests.programs import running  # noqa: E402

PROGRAM = ROOT / "tests" / "browser" / "minichat_program.py"
GATEWAYS = {"serve": "our server, WebSocket", "paste": "wrap() under Paste, polls"}
PEOPLE = ("ann@example.com", "bob@example.com")

WATCH = """() => {
  window.now = () => performance.timeOrigin + performance.now();
  window.seen = {};
  new MutationObserver(records => {
    for (const record of records) {
      for (const node of record.addedNodes) {
        window.seen[node.textContent.split(' ').pop()] = window.now();
      }
    }
  }).observe(document.getElementById('messages'), {childList: true});
}"""

SEND = """number => {
  document.getElementById('message').value = 'message ' + number;
  const began = window.now();
  document.querySelector('#message-form button').click();
  return began;
}"""


def main() -> None:
    """Measure both gateways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=300)
    arguments = parser.parse_args()
    print(f"{arguments.messages} messages, {os.cpu_count()} cores, load ", end="")
    print(f"{os.getloadavg()[0]:.1f} before the start\n")
    print("| ms from POST to the page | p50 | p95 | p99 | most |")
    print("|---|---|---|---|---|")
    gone: list[str] = []
    with open_browser() as browser:
        for gateway, name in GATEWAYS.items():
            with chat(gateway) as url:
                ann, bob = (enter(browser, url, email) for email in PEOPLE)
                own, other = exchange(ann, bob, arguments.messages)
                gone.append(f"{name}: {close(bob, url):.1f} s")
            print(row(f"{name}: the other's page", other))
            print(row(f"{name}: the sender's own page", own))
    print("\nA tab was closed, its ActiveUser was gone after:", "; ".join(gone))


@contextlib.contextmanager
def chat(gateway: str) -> Iterator[str]:
    """Serve the tutorial's app while the block lasts; gives its address."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "minichat"
        write_tutorial_app(app)
        command = [sys.executable, str(PROGRAM), gateway, str(app), folder]
        with running(command, Path(folder)) as program:
            yield program.wait_for_url()


def enter(browser: Any, url: str, email: str) -> Any:
    """Open the chat as somebody and watch for messages."""
    page = browser.new_context().new_page()
    page.goto(url)
    page.fill("#email", email)
    page.click("#submit-login")
    page.wait_for_selector("#message-form")
    page.evaluate(WATCH)
    return page


def exchange(ann: Any, bob: Any, messages: int) -> tuple[list[float], ...]:
    """Send one message after the other; each waits for the last to be seen."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(messages):
        began = ann.evaluate(SEND, str(number))
        for page, times in zip((ann, bob), took, strict=True):
            page.wait_for_function(f"{number} in window.seen")
            times.append(page.evaluate(f"window.seen[{number}]") - began)
    return took


def close(page: Any, url: str) -> float:
    """Close somebody's only page; return seconds until one ActiveUser is left."""
    page.close()
    began = time.monotonic()
    while True:
        with urllib.request.urlopen(f"{url}/_probe") as answer:
            if len(json.load(answer)["active"]) < len(PEOPLE):
                return time.monotonic() - began
        time.sleep(0.02)


def row(name: str, times: list[float]) -> str:
    """Return one line of the table."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    figures = (cuts[49], cuts[94], cuts[98], max(times))
    return f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |"


if __name__ == "__main__":
    main()
