"""Take the pictures of the console anew, from a running app in Chromium.

    python docs/how-to/take_screenshots.py

Needs what the browser tests need.
"""

import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = Path(__file__).resolve().parent / "img"
sys.path.insert(0, str(ROOT))

from tests.chromium import open_browser  # noqa: E402 -- the path is set above
from tests.conftest import await_condition  # noqa: E402
from tests.console.site import APP  # noqa: E402
from tests.doors.test_console import console_of  # noqa: E402
from tests.servers import Servers  # noqa: E402

WINDOW = {"width": 1100, "height": 760}
IDS = ("ann@example.com", "bob@example.com", "table 7")
CHART_SECONDS = 9

STOCKED = APP.parent / "stocked"
PAGES_OF_SERVICES = {
    "datastore": "datastore?kind=Note&order=-number&explain=1",
    "entity": "datastore/entity?key=",
    "queue": "queues/queue?queue=default",
    "mail": "mail/message?number=1",
}


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as place, open_browser() as browser:
        servers = Servers(lambda: Path(place) / "data")
        try:
            # Where this is taken is nobody's business.
            app = shutil.copytree(APP, Path(place) / "steered")
            running = servers(app, "--console_code")
            take(browser, running.url, console_of(running, await_condition))
            stocked = servers(shutil.copytree(STOCKED, Path(place) / "stocked"))
            ask(f"{stocked.url}fill?text=hello&task=1")
            take_services(browser, console_of(stocked, await_condition))
        finally:
            servers.stop()


def take(browser: Any, app: str, console: str) -> None:
    """Use the app for a moment, and take a picture of each page."""
    page = browser.new_page(viewport=WINDOW)
    page.goto(console + "logs")
    visitor = browser.new_page()
    visitor.goto(app + "log?text=hello")
    for name in IDS:
        token = ask(f"{app}token?id={name.replace(' ', '+')}")
        visitor.evaluate(
            "token => new Promise(done => {"
            " const script = document.createElement('script');"
            " script.src = '/_ah/channel/jsapi';"
            " script.onload = () => new goog.appengine.Channel(token)"
            "   .open({onopen: done});"
            " document.body.append(script); })",
            token,
        )
    for number in range(5):
        body = f"id=ann@example.com&text=move+{number}".encode()
        urllib.request.urlopen(app + "send", body).close()
    page.goto(console + "channels/id?id=ann@example.com")
    page.screenshot(path=IMAGES / "console-channel.png")
    page.goto(console + "channels")
    page.wait_for_timeout(3000)
    page.screenshot(path=IMAGES / "console-channels.png")
    page.goto(console)
    for second in range(CHART_SECONDS):
        for _ in range(5 + 3 * (second % 3)):
            ask(app + "log")
        page.wait_for_timeout(1000)
    page.screenshot(path=IMAGES / "console-overview.png")


def take_services(browser: Any, console: str) -> None:
    """Take a picture of some pages of an app that has something in each service."""
    page = browser.new_page(viewport=WINDOW)
    page.goto(console + "datastore?kind=Note")
    key = page.locator("input[name=key]").first.input_value()
    for name, path in PAGES_OF_SERVICES.items():
        page.goto(console + path + (key if path.endswith("=") else ""))
        page.screenshot(path=IMAGES / f"console-{name}.png")


def ask(url: str) -> str:
    """Return the answer to a GET."""
    with urllib.request.urlopen(url) as answer:
        text: str = answer.read().decode("utf-8")
        return text


if __name__ == "__main__":
    main()
