"""Take the picture of the dashboard anew: a real run, scraped by a real Prometheus.

    python docs/how-to/take_dashboard_picture.py

Needs what the browser tests need, and Debian's package prometheus. A server runs an app
for two minutes, with pages, slow readers, tasks, a cron job and mail. Prometheus reads
its /metrics as docs/how-to/operate.md says. Then every panel of grafana.json is drawn
in Chromium from what Prometheus answers to the panel's own queries. The drawing is
ours: Debian, PyPI and npm have no Grafana, so the picture shows the panels' queries and
numbers, and not how Grafana looks.

A query that finds nothing ends the program with the panel's name.
"""

import contextlib
import html
import json
import math
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = Path(__file__).resolve().parent / "img"
sys.path.insert(0, str(ROOT))

from websockets.sync.client import connect  # noqa: E402 -- the path is set above

from tests.chromium import open_browser  # noqa: E402
from tests.conftest import await_condition  # noqa: E402
from tests.doors.test_console import console_of  # noqa: E402
from tests.redis_servers import free_port  # noqa: E402
from tests.servers import Servers  # noqa: E402
from tests.smtp_server import SmtpServer  # noqa: E402

RUN_SECONDS = 150
SCRAPE_SECONDS = 2
PAGES = 30
WIDTH, HEIGHT = 420, 190
COLOURS = ("#3274d9", "#e0752d", "#56a64b", "#e02f44", "#8f3bb8", "#f2cc0c", "#3aa6a6")

APP_YAML = """\
application: chat
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: main.app
"""

CRON_YAML = "cron:\n- url: /cron\n  schedule: every 1 minutes\n"

QUEUE_YAML = "queue:\n- name: default\n  rate: 5/s\n- name: slow\n  rate: 1/s\n"

APP = """\
import time
import webapp2
from google.appengine.api import channel, mail, taskqueue
from google.appengine.ext import ndb

class Note(ndb.Model):
    text = ndb.StringProperty()

class Page(webapp2.RequestHandler):
    def get(self):
        time.sleep(float(self.request.get('s', '0')))
        self.response.write('hello')

class Token(webapp2.RequestHandler):
    def get(self):
        self.response.write(channel.create_channel(self.request.get('id')))

class Send(webapp2.RequestHandler):
    def post(self):
        for name in self.request.get('to').split(','):
            channel.send_message(name, self.request.get('text'))
        Note(text='sent').put()

class Work(webapp2.RequestHandler):
    def post(self):
        for _ in range(5):
            taskqueue.add(url='/task', countdown=2)
            taskqueue.add(url='/task', queue_name='slow')
        mail.send_mail('app@example.com', 'ann@example.com', 'hello', 'text')

class Task(webapp2.RequestHandler):
    def post(self):
        Note(text='task').put()
        time.sleep(0.05)

class Cron(webapp2.RequestHandler):
    def get(self):
        Note(text='cron').put()

class Missing(webapp2.RequestHandler):
    def get(self):
        self.abort(404)

class Broken(webapp2.RequestHandler):
    def get(self):
        raise ValueError('on purpose')

app = webapp2.WSGIApplication([
    ('/token', Token), ('/send', Send), ('/work', Work), ('/task', Task),
    ('/cron', Cron), ('/missing', Missing), ('/broken', Broken), ('/.*', Page)])
"""


def main() -> None:
    """Run, and draw."""
    program = shutil.which("prometheus")
    if program is None:
        sys.exit("there is no prometheus on the PATH: apt-get install prometheus")
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        app = folder / "chat"
        app.mkdir()
        for name, text in (
            *(("app.yaml", APP_YAML), ("main.py", APP)),
            *(("cron.yaml", CRON_YAML), ("queue.yaml", QUEUE_YAML)),
        ):
            (app / name).write_text(text)
        post = SmtpServer()
        stack.callback(post.close)
        servers = Servers(lambda: folder / "data")
        stack.callback(servers.stop)
        flags = ("--cron=yes", "--send_buffer_bytes=100000", "--log_level=warning")
        mail = ("--smtp_host=127.0.0.1", f"--smtp_port={post.port}")
        running = servers(app, *flags, *mail, "--automatic_restart=no")
        console = console_of(running, await_condition)
        prometheus = stack.enter_context(watching(program, folder, console))
        use(running.url)
        panels = list(panels_of(prometheus))
        with open_browser() as browser:
            page = browser.new_page(
                viewport={"width": 3 * (WIDTH + 16) + 16, "height": 800}
            )
            page.set_content(document(panels))
            page.screenshot(path=IMAGES / "dashboard.png", full_page=True)


@contextlib.contextmanager
def watching(program: str, folder: Path, console: str) -> Iterator[str]:
    """Run Prometheus while the block lasts; yield its address."""
    port = free_port()
    settings = folder / "prometheus.yml"
    target = urllib.parse.urlsplit(console).netloc
    settings.write_text(
        f"global: {{scrape_interval: {SCRAPE_SECONDS}s}}\n"
        "scrape_configs:\n"
        "  - job_name: chat\n"
        f'    static_configs: [{{targets: ["{target}"]}}]\n'
    )
    process = subprocess.Popen(
        [
            program,
            f"--config.file={settings}",
            f"--storage.tsdb.path={folder / 'numbers'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(f"{url}/-/ready").status == 200)
        return False

    try:
        await_condition(is_ready, 30)
        yield url
    finally:
        process.terminate()
        process.wait()


def use(url: str) -> None:
    """Use the app as people do, and worse."""
    ends_at = time.monotonic() + RUN_SECONDS

    def repeat(do: Callable[[], None], pause: float) -> threading.Thread:
        def run() -> None:
            while time.monotonic() < ends_at:
                with contextlib.suppress(OSError, TimeoutError):
                    do()
                time.sleep(random.uniform(0, 2 * pause))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def ask(path: str, body: bytes | None = None) -> str:
        try:
            with urllib.request.urlopen(url + path, body, 20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            error.close()
            return ""

    def socket_of(name: str) -> str:
        token = ask(f"token?id={name}")
        return f"{url.replace('http', 'ws', 1)}_ah/channel/socket?token={token}"

    def stay(name: str) -> None:
        until = min(ends_at, time.monotonic() + random.uniform(10, 60))
        with connect(socket_of(name), close_timeout=1) as line:
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    line.recv(0.5)

    def sleep_in() -> None:
        # A page whose machine sleeps: it reads nothing.
        with connect(socket_of("sleeper"), max_queue=1) as line:
            time.sleep(8)
            line.socket.close()

    names = [f"page-{number}" for number in range(PAGES)]
    everybody = urllib.parse.urlencode({"to": ",".join(names), "text": "x" * 200})
    long_text = urllib.parse.urlencode({"to": "sleeper", "text": "y" * 30_000})
    paths = ("", "", "", "?s=0.02", "?s=0.1", "?s=0.4", "missing", "broken")
    threads = [repeat(lambda name=name: stay(name), 1.0) for name in names]
    threads += [repeat(lambda: (ask(random.choice(paths)), None)[1], 0.05)] * 1
    threads += [repeat(lambda: (ask(random.choice(paths)), None)[1], 0.1)]
    threads += [repeat(lambda: (ask("send", everybody.encode()), None)[1], 0.2)]
    threads += [repeat(lambda: (ask("send", long_text.encode()), None)[1], 0.1)]
    threads += [repeat(lambda: (ask("work", b""), None)[1], 4.0)]
    threads += [repeat(sleep_in, 1.0)]
    for thread in threads:
        thread.join()


def panels_of(prometheus: str) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Yield each panel of the dashboard, and what its queries find."""
    path = Path(__file__).resolve().parent / "grafana.json"
    for panel in json.loads(path.read_text("utf-8"))["panels"]:
        found = []
        missing = []
        for target in panel["targets"]:
            query = target["expr"].replace("$instance", ".*").replace("$job", "chat")
            query = query.replace("$__rate_interval", "20s")
            query = query.replace("$__interval", "20s").replace("$__range", "60s")
            answered = ask_range(prometheus, query)
            missing += [] if answered else [query]
            for series in answered:
                legend = re.sub(
                    r"{{\s*(\w+)\s*}}",
                    lambda name, labels=series["metric"]: labels.get(name[1], ""),
                    target.get("legendFormat", ""),
                )
                points = [(float(at), float(value)) for at, value in series["values"]]
                found.append((legend, points))
        # There is nothing of checks where none fails.
        if missing and panel["title"] != "Failing checks":
            sys.exit(f"the panel {panel['title']!r} has nothing of {missing}")
        yield panel, found


def ask_range(prometheus: str, query: str) -> Any:
    """Return what Prometheus answers about the run."""
    now = time.time()
    facts = {"query": query, "start": now - RUN_SECONDS, "end": now, "step": 2}
    url = f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(facts)}"
    try:
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        sys.exit(f"Prometheus refuses {query}: {error.read().decode()}")


def document(panels: list[tuple[dict[str, Any], list[Any]]]) -> str:
    """Return the page."""
    drawn = "".join(drawing(panel, found) for panel, found in panels)
    return f"""<!doctype html><meta charset="utf-8"><style>
body {{ margin: 8px; font: 12px sans-serif; background: #f4f5f5; color: #222 }}
main {{ display: flex; flex-wrap: wrap; gap: 16px }}
section {{ width: {WIDTH}px; background: #fff; border: 1px solid #ddd }}
h2 {{ font-size: 13px; margin: 6px 8px }} ul {{ margin: 2px 8px 6px; padding: 0 }}
li {{ display: inline; margin-right: 10px }} svg {{ display: block }}
text {{ font-size: 10px; fill: #666 }}
</style><main>{drawn}</main>"""


def drawing(panel: dict[str, Any], found: list[Any]) -> str:
    """Return one panel."""
    unit = panel["fieldConfig"]["defaults"].get("unit", "")
    values = [y for _, points in found for _, y in points if math.isfinite(y)]
    times = [x for _, points in found for x, _ in points]
    top = max([*values, 1e-9]) * 1.1
    left, right = min(times, default=0.0), max(times, default=1.0)
    lines, legends = [], []
    for place, (legend, points) in enumerate(found):
        colour = COLOURS[place % len(COLOURS)]
        dots = " ".join(
            f"{46 + (x - left) / max(right - left, 1) * (WIDTH - 56):.1f},"
            f"{HEIGHT - 20 - y / top * (HEIGHT - 30):.1f}"
            for x, y in points
            if math.isfinite(y)
        )
        lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" '
            f'points="{dots}"/>'
        )
        legends.append(
            f'<li><span style="color:{colour}">&#9644;</span> '
            f"{html.escape(legend)}</li>"
        )
    grid = "".join(
        f'<line x1="46" x2="{WIDTH - 10}" y1="{y}" y2="{y}" stroke="#eee"/>'
        f'<text x="42" y="{y + 3}" text-anchor="end">{number(share * top, unit)}</text>'
        for share in (0, 0.5, 1)
        for y in [HEIGHT - 20 - share * (HEIGHT - 30)]
    )
    clock = "".join(
        f'<text x="{x}" y="{HEIGHT - 5}" text-anchor="{anchor}">'
        f"{time.strftime('%H:%M:%S', time.gmtime(at))}</text>"
        for x, at, anchor in ((46, left, "start"), (WIDTH - 10, right, "end"))
        if times
    )
    empty = "" if found else f'<text x="{WIDTH / 2}" y="90">No data</text>'
    return (
        f"<section><h2>{html.escape(panel['title'])}</h2>"
        f'<svg width="{WIDTH}" height="{HEIGHT}">{grid}{"".join(lines)}{clock}{empty}'
        f"</svg><ul>{''.join(legends)}</ul></section>"
    )


def number(value: float, unit: str) -> str:
    """Return a number of an axis."""
    if unit == "s":
        return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"
    if unit in ("bytes", "decbytes"):
        for name in ("B", "KiB", "MiB", "GiB"):
            if value < 1024 or name == "GiB":
                return f"{value:.3g} {name}"
            value /= 1024
    return f"{value:.3g}"


if __name__ == "__main__":
    main()
