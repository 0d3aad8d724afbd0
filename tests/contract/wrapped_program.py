"""Serve the probe app with channelshim.wrap() under paste.httpserver.

python wrapped_program.py APP_DIR STORAGE_PATH GRACE_SECONDS
"""

import sys
import tempfile

import channelshim


def main(app_dir: str, storage_path: str, grace_seconds: str) -> None:
    sys.path.insert(0, app_dir)
    # A folder without app.yaml: the WSGI application is all there is.
    channelshim.install(
        tempfile.mkdtemp(dir=storage_path),
        storage_path=storage_path,
        grace_seconds=float(grace_seconds),
    )
    import main as probe
    from paste.httpserver import serve

    server = serve(channelshim.wrap(probe.app), port="0", start_loop=False)
    # Lest it wait for its threads when it ends.
    server.daemon_threads = True
    print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
