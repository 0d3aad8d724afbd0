"""Any WSGI application under one server, each as its own documentation starts it.

The command: serving.py SERVER MODULE, of which `app` is served on a free port.
"""

import contextlib
import importlib
import sys


def paste(app):
    from paste.httpserver import serve

    server = serve(app, host="127.0.0.1", port="0", start_loop=False)
    say(server.server_port)
    server.serve_forever()


def waitress(app):
    from waitress.server import create_server

    # Its default takes a proxy's headers away before anybody can judge them.
    server = create_server(
        app, host="127.0.0.1", port=0, clear_untrusted_proxy_headers=False
    )
    say(server.effective_port)
    server.run()


def say(port):
    print(f"listening at http://127.0.0.1:{port}/", flush=True)


if __name__ == "__main__":
    served = importlib.import_module(sys.argv[2]).app
    with contextlib.suppress(KeyboardInterrupt):
        {"paste": paste, "waitress": waitress}[sys.argv[1]](served)
