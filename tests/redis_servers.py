"""Redis servers of the tests' own, on Unix sockets and in folders that go."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import await_condition
from tests.ports import free_port

PATIENCE_SECONDS = 10.0

VARIABLE = "CHANNELSHIM_TESTS_REDIS"
"""Names another program than `redis-server`, such as Valkey's."""


class RedisServer:
    """One running server.

    Args:
        *options: more of redis-server's; `--port` makes it listen on TCP as well.
        program: of the server; None for what VARIABLE names, or the one on the PATH.

    Attributes:
        path: of its socket.
        url: for the setting `broker`.
        process: the child.
    """

    def __init__(self, *options: str, program: str | None = None) -> None:
        # A socket's address is short, and pytest's folders are deep.
        self.folder = Path(tempfile.mkdtemp(prefix="cs-redis-"))
        self.path = str(self.folder / "s")
        self.url = f"redis+unix://{self.path}"
        self._options: Sequence[str] = options
        self._program = program or os.environ.get(VARIABLE) or "redis-server"
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it, or start it again with what it has on its disk."""
        command = [self._program, "--port", "0", "--unixsocket", self.path]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        command += ["--loglevel", "warning", *self._options]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        await_condition(self._answers, PATIENCE_SECONDS)

    def option(self, name: str) -> str:
        """Return what was said behind an option."""
        return self._options[list(self._options).index(name) + 1]

    def client(self, **options: Any) -> Any:
        """Return a client of it."""
        import redis

        return redis.Redis(unix_socket_path=self.path, **options)

    def kill(self) -> None:
        """End it as a crash does."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def pause(self) -> None:
        """Have it answer nothing for a while."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and delete its folder."""
        self.go_on()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def _answers(self) -> bool:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        assert self.process is not None
        assert self.process.poll() is None, "redis-server ended"
        try:
            client = self.client(retry=Retry(NoBackoff(), 0))
            client.ping()
            client.close()
        except redis.AuthenticationError:
            # It asks for a password: it is there.
            return True
        except redis.RedisError:
            return False
        return True


class RedisCluster:
    """Six servers on TCP: three have the slots, three stand by.

    Attributes:
        url: for the setting `broker`.
        servers: the masters first.
        ports: of the servers.
    """

    def __init__(self) -> None:
        self.ports = [free_port() for _ in range(6)]
        self.servers: list[RedisServer] = []
        try:
            for port in self.ports:
                self.servers.append(self._start(port))
            self._join()
        except BaseException:
            self.close()
            raise
        first = ",".join(f"127.0.0.1:{port}" for port in self.ports[:3])
        self.url = f"redis+cluster://{first}"

    def _start(self, port: int) -> RedisServer:
        return RedisServer(
            *("--port", str(port), "--cluster-enabled", "yes"),
            *("--cluster-port", str(free_port())),
            *("--cluster-node-timeout", "1000"),
            *("--cluster-replica-validity-factor", "0"),
        )

    def _join(self) -> None:
        import redis

        clients = [server.client() for server in self.servers]
        first = clients[0]
        for number, (port, server) in enumerate(
            zip(self.ports, self.servers, strict=True)
        ):
            if number:
                bus = server.option("--cluster-port")
                first.execute_command("CLUSTER MEET", "127.0.0.1", port, bus)
        bounds = (0, 5461, 10923, 16384)
        for number in range(3):
            own = range(bounds[number], bounds[number + 1])
            clients[number].execute_command("CLUSTER ADDSLOTS", *own)

        def is_known() -> bool:
            return all(
                client.cluster("info")["cluster_known_nodes"] == "6"
                for client in clients
            )

        await_condition(is_known, 20)
        for number in range(3):
            master = clients[number].execute_command("CLUSTER MYID")

            def replicates(
                client: Any = clients[number + 3], master: Any = master
            ) -> bool:
                try:
                    client.execute_command("CLUSTER REPLICATE", master)
                except redis.RedisError:
                    return False
                return True

            await_condition(replicates, 20)

        def is_whole() -> bool:
            return all(
                client.cluster("info")["cluster_state"] == "ok" for client in clients
            ) and all(
                client.info("replication").get("master_link_status") == "up"
                for client in clients[3:]
            )

        await_condition(is_whole, 30)

    def close(self) -> None:
        """End all."""
        for server in self.servers:
            server.close()
