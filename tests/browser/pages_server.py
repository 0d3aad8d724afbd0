"""Our own server with the app of apps/pages, which a test may kill and start again."""

from __future__ import annotations

import json
import signal
import urllib.parse
import urllib.request
from pathlib import Path

from tests.lanes import ROOT
from tests.ports import free_port
from tests.servers import Server

APP = ROOT / "tests" / "browser" / "apps" / "pages"


class PagesApp:
    """The app of apps/pages, wherever it is served.

    Args:
        url: its address, without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def token(self, client_id: str, minutes: int = 120) -> str:
        """Return what the app's create_channel gave."""
        query = urllib.parse.urlencode({"id": client_id, "minutes": minutes})
        with urllib.request.urlopen(f"{self.url}/token?{query}") as answer:
            token: str = answer.read().decode()
            return token

    def send(self, client_id: str, *texts: str) -> None:
        """Send texts to client_id, all in one request of the app."""
        form = {"id": client_id, "texts": json.dumps(texts)}
        data = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.url}/send", data) as answer:
            assert answer.status == 200

    def presence(self, client_id: str) -> list[str]:
        """Return what the app was told of client_id, in order."""
        with urllib.request.urlopen(f"{self.url}/presence") as answer:
            posts = json.load(answer)
        return [kind for kind, who in posts if who == client_id]


class PagesServer(PagesApp):
    """A server that keeps its port and its data over a restart.

    Args:
        storage_path: its data folder.
        arguments: of the command, beside the app and the port.
    """

    def __init__(self, storage_path: Path, *arguments: str) -> None:
        super().__init__("")
        self._storage_path = storage_path
        self._arguments = arguments
        self.server: Server
        self.start()

    def start(self, port: int | None = None) -> None:
        """Start it; None takes a free port, to which it can come back."""
        port = port or free_port()
        self.server = Server(
            APP, self._storage_path, (f"--port={port}", *self._arguments), {}
        )
        self.server.wait_until_listening()
        self.url = self.server.url.rstrip("/")

    def stop(self, *, kill: bool = False) -> int:
        """End it, in order or not, and return its port for the next start."""
        port = self.server.port
        self.server.stop(signal.SIGKILL if kill else signal.SIGTERM)
        return port
