"""A changed file replaces the process; pages notice nothing but a reconnect."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.doors.test_stop import SLOW, get
from tests.servers import Servers


def page_of(url: str) -> str:
    """Return what a browser would show, errors included; "" while nobody answers."""
    try:
        return get(url)
    except urllib.error.HTTPError as error:
        return error.read().decode("utf-8")
    except OSError:
        return ""


def test_a_change_is_served_and_an_error_is_shown_until_mended(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(SLOW, folder)
    running = server(folder)
    code = folder / "slow.py"
    original = code.read_text()
    token = get(running.url + "token")
    process_id = running.process.pid

    code.write_text(original.replace('"done"', '"mended"'))
    wait_until(lambda: page_of(running.url + "slow?seconds=0") == "mended", 20)

    code.write_text(original + "\nimport nothing_of_this_name\n")
    wait_until(lambda: "nothing_of_this_name" in page_of(running.url), 20)
    assert "slow.py, line" in page_of(running.url)
    # Channels live on while the app does not.
    poll = f"_ah/channel/poll?token={token}&wait=0"
    assert '"messages": []' in get(running.url + poll)

    code.write_text(original)
    wait_until(lambda: page_of(running.url + "slow?seconds=0") == "done", 20)
    assert running.process.pid == process_id
    assert running.process.poll() is None


def test_a_broken_app_yaml_is_shown_until_mended(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(SLOW, folder)
    running = server(folder)
    file = folder / "app.yaml"
    original = file.read_text()
    file.write_text(original + "libraries: [\n")
    wait_until(lambda: "app.yaml, line" in page_of(running.url), 20)
    file.write_text(original)
    wait_until(lambda: page_of(running.url + "slow?seconds=0") == "done", 20)
