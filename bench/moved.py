"""Apps that have moved to Python 3: from the command to the first answer, and at rest.

    python -m bench.moved [--rounds 9]

Two apps as Google's guides have them, with the bundled services: plain WSGI, and Flask,
where it is installed. Their data folder is there already, as in every start but the
first; the median counts. On a busy machine read the processor's seconds: they are what
the start costs, whoever else waits for the processor.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Final

from bench.process import ServerProcess, free_port

WANTED_SECONDS: Final = 0.4
WANTED_MEBIBYTES: Final = 70.0

_APP_YAML = """\
runtime: python312
app_engine_apis: true
"""

_MODEL = """\
from google.appengine.api import memcache, wrap_wsgi_app
from google.appengine.ext import ndb


class Visit(ndb.Model):
    path = ndb.StringProperty()


def visit(path):
    Visit(path=path).put()
    number = memcache.incr("visits", initial_value=0)
    return "%d visits, %s" % (Visit.query().count(), number)
"""

_APPS = {
    "WSGI": f"""{_MODEL}

def answer(environ, start_response):
    text = visit(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


app = wrap_wsgi_app(answer)
""",
    "Flask": f"""import flask
{_MODEL}

app = flask.Flask(__name__)
app.wsgi_app = wrap_wsgi_app(app.wsgi_app)


@app.route("/")
def home():
    return visit("/")
""",
}


def measure(folder: Path, store: Path) -> tuple[float, float, float]:
    """Start the app once; return seconds, processor's seconds, and MiB at rest."""
    port = free_port()
    command = [sys.executable, "-m", "channelshim", "serve", str(folder)]
    command += [f"--port={port}", f"--storage_path={store}", "--write_index_yaml=no"]
    with ServerProcess(command, port) as server:
        with urllib.request.urlopen(f"http://localhost:{port}/", timeout=60) as answer:
            assert answer.status == 200
        seconds, processor = server.age_seconds(), server.cpu_seconds()
        return seconds, processor, server.memory_kib() / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"{'app':8} {'first answer s':>15} {'processor s':>12} {'MiB at rest':>12}")
    for name, source in _APPS.items():
        if name == "Flask" and importlib.util.find_spec("flask") is None:
            print("Flask    is not installed")
            continue
        with tempfile.TemporaryDirectory() as place:
            folder, store = Path(place, "app"), Path(place, "store")
            folder.mkdir()
            (folder / "app.yaml").write_text(_APP_YAML)
            (folder / "main.py").write_text(source)
            # The first one compiles, and makes the store.
            measure(folder, store)
            runs = [measure(folder, store) for _ in range(rounds)]
        seconds, processor, memory = map(statistics.median, zip(*runs, strict=True))
        print(f"{name:8} {seconds:15.2f} {processor:12.2f} {memory:12.1f}")
    print(f"wanted   {WANTED_SECONDS:15.2f} {'':12} {WANTED_MEBIBYTES:12.1f}")


if __name__ == "__main__":
    main()
