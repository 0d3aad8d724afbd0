"""Take the pictures of the tutorial anew, from the app itself in Chromium.

    python docs/tutorial/take_screenshots.py

It follows python-minichat.md in an empty folder, serves what stands there by then, and
uses it as the page says. Needs what the browser tests need, and fonts with Chinese and
emoji (Debian: fonts-wqy-microhei, fonts-noto-color-emoji).
"""

import base64
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = Path(__file__).resolve().parent / "img"
sys.path.insert(0, str(ROOT))

from tests.chromium import open_browser  # noqa: E402 -- the path is set above
from tests.docs.test_tutorial import SERVE, follow, log_in  # noqa: E402
from tests.programs import running  # noqa: E402

WINDOW = {"width": 420, "height": 200}
SCALE = 2
ANN, BOB = "ann@example.com", "bob@example.com"
TALK = (
    (ANN, "Hello, is anybody here?"),
    (BOB, "Grüße aus Köln!"),
    (ANN, "你好 👋"),
    (BOB, "Are you still on Python 2.7?"),
    (ANN, "The app is. It just moved to 3.13 :)"),
)

FRAME = """<!DOCTYPE html><meta charset="utf-8"><style>
  body { margin: 12px; display: inline-flex; gap: 16px; background: white;
         font: 13px sans-serif; }
  figure { margin: 0; border: 1px solid #999; border-radius: 6px; overflow: hidden; }
  figcaption { background: #ddd; padding: 5px 10px; }
  figure.dark figcaption { background: #444; color: white; }
  img { display: block; }
</style>"""


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as place, open_browser() as browser:
        folder = Path(place) / "minichat"
        folder.mkdir()
        command = [*SERVE, "--storage_path", str(Path(place) / "storage")]
        follow(folder, "index.html")
        with running(command, folder) as program:
            url = program.wait_for_url()
            page = open_page(browser, height=330)
            page.goto(url)
            page.screenshot(path=IMAGES / "login.png")
            page = log_in(open_page(browser), url, ANN)
            page.screenshot(path=IMAGES / "empty-page.png")
        for file in [path for path in folder.rglob("*") if path.is_file()]:
            file.unlink()
        follow(folder, "run")
        with running(command, folder) as program:
            chat(browser, program.wait_for_url())


def chat(browser: Any, url: str) -> None:
    """Let two people talk."""
    people = {name: log_in(open_page(browser), url, name) for name in (ANN, BOB)}
    for number, (name, text) in enumerate(TALK, 1):
        people[name].fill("#message", text)
        people[name].press("#message", "Enter")
        for page in people.values():
            page.wait_for_selector(f"#messages div:nth-child({number})")
        if number == 1:
            people[ANN].screenshot(path=IMAGES / "one-person.png")
    people[BOB].fill("#message", "Nothing else changed?")
    windows = {name: picture(page) for name, page in people.items()}
    width = WINDOW["width"]
    page = open_page(browser, width=1000)
    page.set_content(
        f"{FRAME}<figure><figcaption>Ann's window</figcaption>"
        f"<img width={width} src={windows[ANN]}></figure>"
        "<figure class=dark><figcaption>Bob's window, incognito</figcaption>"
        f"<img width={width} src={windows[BOB]}></figure>"
    )
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.locator("body").screenshot(path=IMAGES / "two-people-chatting.png")


def open_page(browser: Any, **size: int) -> Any:
    """Open a page as somebody new."""
    viewport = WINDOW | size
    return browser.new_context(
        viewport=viewport, device_scale_factor=SCALE, locale="en"
    ).new_page()


def picture(page: Any) -> str:
    """Return what the page looks like, as the address of an image."""
    return "data:image/png;base64," + base64.b64encode(page.screenshot()).decode()


if __name__ == "__main__":
    main()
