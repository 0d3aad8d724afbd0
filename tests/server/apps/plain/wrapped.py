"""The same app as `channelshim.wrap(app)`; run directly, under paste.httpserver."""

from pathlib import Path

import channelshim

channelshim.install(Path(__file__).parent)

import plain  # noqa: E402 - legacy imports come after install

app = channelshim.wrap(plain.app)

if __name__ == "__main__":
    from paste.httpserver import serve

    listening = serve(app, host="localhost", port="0", start_loop=False)
    print(f"listening at http://localhost:{listening.server_port}/", flush=True)
    listening.serve_forever()
