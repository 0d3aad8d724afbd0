"""What a user can get wrong: one clear sentence, exit status 1, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import ROOT, timeout_factor

APP_YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /.*
  script: code.app
"""


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("CHANNELSHIM_")}
    return subprocess.run(
        [sys.executable, "-m", "channelshim", "serve", *arguments],
        env={**own, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60 * timeout_factor(),
        check=False,
    )


def refusal(*arguments: str) -> str:
    """Return the sentence of a start that must fail without a traceback of ours."""
    done = start(*arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    return sentence


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "code.py").write_text("def app(environ, start_response): ...\n")
    return folder


def test_a_taken_port_is_named_with_the_way_out(app: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = refusal(str(app), f"--port={port}", f"--storage_path={tmp_path}/s")
    assert f"port {port} of localhost is taken" in sentence
    assert "--port" in sentence


def test_a_missing_app_yaml_is_named(tmp_path: Path) -> None:
    assert "there is no app.yaml in" in refusal(str(tmp_path), "--port=0")


def test_broken_yaml_is_named_with_its_line(app: Path) -> None:
    (app / "app.yaml").write_text("runtime: python27\nhandlers: [\n")
    sentence = refusal(str(app), "--port=0")
    assert "app.yaml, line 3" in sentence


def test_an_unknown_login_is_named_with_its_line_and_the_known_ones(app: Path) -> None:
    (app / "app.yaml").write_text(APP_YAML + "  login: maybe\n")
    sentence = refusal(str(app), "--port=0")
    assert "app.yaml, line 6: login must be optional, required or admin" in sentence


def test_an_app_that_fails_to_import_shows_its_own_traceback(
    app: Path, tmp_path: Path
) -> None:
    (app / "code.py").write_text("import os\nimport nothing_of_this_name\n")
    done = start(str(app), "--port=0", f"--storage_path={tmp_path}/s")
    assert done.returncode == 1
    # The app's own frames, and none of the server's.
    assert str(app / "code.py") in done.stderr
    assert f"{os.sep}channelshim{os.sep}" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "code.py, line 2" in last
    assert "nothing_of_this_name" in last


def test_a_store_in_use_is_refused(app: Path, tmp_path: Path) -> None:
    from channelshim.store.sqlite.state import SqliteStore

    store = SqliteStore(tmp_path / "store")
    try:
        sentence = refusal(str(app), "--port=0", f"--storage_path={tmp_path / 'store'}")
    finally:
        store.close()
    assert "in use" in sentence
    assert "--storage_path" in sentence


def test_a_setting_of_the_wrong_type_is_named(app: Path) -> None:
    assert "port must be a whole number" in refusal(str(app), "--port=many")
