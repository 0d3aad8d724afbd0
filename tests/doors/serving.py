"""Any WSGI application under one server, each as its own documentation starts it.

The command: serving.py SERVER MODULE [HOST], of which `app` is served on a free port.
"""

import contextlib
import importlib
import sys


def paste(app, host):
    from paste.httpserver import serve

    server = serve(app, host=host, port="0", start_loop=False)
    # Lest it wait for its threads when it ends.
    server.daemon_threads = True
    say(host, server.server_port)
    server.serve_forever()


def waitress(app, host):
    from waitress.server import create_server

    # Its default takes a proxy's headers away before anybody can judge them.
    server = create_server(app, host=host, port=0, clear_untrusted_proxy_headers=False)
    say(host, server.effective_port)
    server.run()


def werkzeug(app, host):
    from werkzeug.serving import make_server

    server = make_server(host, 0, app, threaded=True)
    say(host, server.server_port)
    server.serve_forever()


def wsgiref(app, host):
    from wsgiref.simple_server import make_server

    server = make_server(host, 0, app)
    say(host, server.server_port)
    server.serve_forever()


def say(host, port):
    shown = f"[{host}]" if ":" in host else host
    print(f"listening at http://{shown}:{port}/", flush=True)


if __name__ == "__main__":
    # The module is where it was started, not where this file is.
    sys.path[0] = ""
    served = importlib.import_module(sys.argv[2]).app
    host = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
    with contextlib.suppress(KeyboardInterrupt):
        globals()[sys.argv[1]](served, host)
