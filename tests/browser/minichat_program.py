"""Serve an App Engine app with an eye on it, for the browser tests.

    python minichat_program.py serve|paste APP_DIR STORAGE_PATH

The app's files stay as they are. What stands around its WSGI application answers
/_probe with what the app keeps in ndb and which requests it has handled, in JSON.
`serve` is our own server and pushes; `paste` is `channelshim.wrap()` under
paste.httpserver, where pages poll.
"""

import io
import json
import sys
import threading
import time
from pathlib import Path

import channelshim


class Probe:
    """Notes every POST that the app handles; reads its entities."""

    def __init__(self, app):
        self._app = app
        self._posts = []
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/_probe":
            return self._report(start_response)
        if environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        note = {"path": environ["PATH_INFO"], "began": time.monotonic()}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        note["body"] = body.decode("utf-8")
        environ["wsgi.input"] = io.BytesIO(body)
        answer = list(self._app(environ, start_response))
        note["ended"] = time.monotonic()
        with self._lock:
            self._posts.append(note)
        return answer

    def _report(self, start_response):
        from google.appengine.ext import ndb

        keys = ndb.Query(kind="ActiveUser").fetch(keys_only=True)
        with self._lock:
            report = {"active": sorted(k.id() for k in keys), "posts": self._posts}
            body = json.dumps(report).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]


def serve(folder: Path, storage: str) -> None:
    import server

    server.app = Probe(server.app)
    channelshim.serve(folder, storage_path=storage, port=0)


def paste(folder: Path, storage: str) -> None:
    from paste.fileapp import DirectoryApp
    from paste.httpserver import serve as paste_serve

    import server

    static = DirectoryApp(str(folder / "static"))
    probe = Probe(server.app)

    def app(environ, start_response):
        if environ["PATH_INFO"].startswith("/static/"):
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/static")
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + "/static"
            return static(environ, start_response)
        return probe(environ, start_response)

    wrapped = channelshim.wrap(app, storage_path=storage, port=0)
    listening = paste_serve(wrapped, host="localhost", port="0", start_loop=False)
    print(f"listening at http://localhost:{listening.server_port}/", flush=True)
    listening.serve_forever()


if __name__ == "__main__":
    name, app_dir, storage_path = sys.argv[1:]
    channelshim.install(app_dir, storage_path=storage_path, port=0)
    sys.path.insert(0, app_dir)
    {"serve": serve, "paste": paste}[name](Path(app_dir), storage_path)
