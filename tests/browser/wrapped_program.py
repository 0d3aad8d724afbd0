"""Serve apps/pages as `channelshim.wrap(app)` under paste.httpserver.

    python wrapped_program.py STORAGE_PATH THREADS

The address is printed once it listens.
"""

import sys
from pathlib import Path

import channelshim

APP = Path(__file__).parent / "apps" / "pages"


def serve(storage: str, threads: int) -> None:
    channelshim.install(APP, storage_path=storage, port=0)
    sys.path.insert(0, str(APP))
    import main
    from paste.httpserver import serve as paste_serve

    wrapped = channelshim.wrap(main.app)
    listening = paste_serve(
        wrapped,
        host="localhost",
        port="0",
        start_loop=False,
        threadpool_workers=threads,
    )
    print(f"listening at http://localhost:{listening.server_port}/", flush=True)
    listening.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
