"""The same app as `channelshim.wrap(app)`, under the server that is named."""

import signal
import sys
from pathlib import Path

import channelshim

channelshim.install(Path(__file__).parent)

import failing  # noqa: E402 - legacy imports come after install

app = channelshim.wrap(failing.app)


def serve_paste():
    from paste.httpserver import serve

    return serve(app, host="127.0.0.1", port="0", start_loop=False)


def serve_wsgiref():
    from wsgiref.simple_server import make_server

    return make_server("127.0.0.1", 0, app)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    listening = {"paste": serve_paste, "wsgiref": serve_wsgiref}[sys.argv[1]]()
    print(f"listening at http://127.0.0.1:{listening.server_port}/", flush=True)
    listening.serve_forever()
