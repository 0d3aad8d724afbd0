"""Measure the tutorial's chat in real Chromium: from one page's POST to another page.

    python bench/browser_latency.py [--messages 300]

Ann and Bob, each in a browser context of their own, have the tutorial's app open. Ann's
page notes the time and sends, as its form does; a MutationObserver in either page notes
when the text stands in the document. Once on our own server, over WebSockets, and once
as `channelshim.wrap(app)` under paste.httpserver, over polls. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chromium import open_browser  # noqa: E402 -- the path is set above
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
    with open_browser() as browser:
        for gateway, name in GATEWAYS.items():
            own, other = measure(browser, gateway, arguments.messages)
            print(row(f"{name}: the other's page", other))
            print(row(f"{name}: the sender's own page", own))


def measure(browser: Any, gateway: str, messages: int) -> tuple[list[float], ...]:
    """Return milliseconds until the sender's own and until the other's page had it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(PROGRAM), gateway, str(ROOT), folder]
        with running(command, Path(folder)) as program:
            url = program.wait_for_url()
            ann, bob = (enter(browser, url, email) for email in PEOPLE)
            return exchange(ann, bob, messages)


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


def row(name: str, times: list[float]) -> str:
    """Return one line of the table."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    figures = (cuts[49], cuts[94], cuts[98], max(times))
    return f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |"


if __name__ == "__main__":
    main()
