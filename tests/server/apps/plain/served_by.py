"""The wrapped app under one server, each as its own documentation starts it."""

import sys

from wrapped import app


def paste():
    from paste.httpserver import serve

    server = serve(app, host="localhost", port="0", start_loop=False)
    say(server.server_port)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def waitress():
    from waitress.server import create_server

    server = create_server(app, host="127.0.0.1", port=0)
    say(server.effective_port)
    server.run()


def werkzeug():
    from werkzeug.serving import make_server

    server = make_server("localhost", 0, app, threaded=True)
    say(server.server_port)
    server.serve_forever()


def say(port):
    print(f"listening at http://localhost:{port}/", flush=True)


if __name__ == "__main__":
    {"paste": paste, "waitress": waitress, "werkzeug": werkzeug}[sys.argv[1]]()
