"""A PostgreSQL server of the tests' own: in a throw-away folder, on a Unix socket.

PostgreSQL refuses to run as root, so there it runs as another user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import await_condition
from tests.lanes import find_pgbouncer, find_postgres, timeout_factor

ROLE = "channelshim"

_FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
"""For tests that lose no power: a process that is killed loses nothing by it."""


def _user() -> str | None:
    """Return the user to become; None for the one we are."""
    if os.geteuid():
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class PostgresServer:
    """One server, started at once.

    Args:
        is_fast: whether it may lose data in a power cut.
        copied_from: a server of which this is to be a standby; None for a fresh one.
        settings: of postgresql.conf.
    """

    def __init__(
        self,
        *,
        is_fast: bool = True,
        copied_from: PostgresServer | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        programs = find_postgres()
        assert programs is not None, "the lane postgres checks that"
        self._programs = Path(programs)
        self.user = _user()
        # Short, for the address of the socket; pytest's own folders are root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="chs-pg-", dir="/tmp"))
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self.data = self.folder / "data"
        self._settings = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.folder}'",
            "max_connections": "200",
            **(_FAST if is_fast else {}),
            **(settings or {}),
        }
        if copied_from is None:
            self._run("initdb", *self._initdb_options())
        else:
            self._run(
                "pg_basebackup",
                *("-D", self.data, "-h", copied_from.folder, "-U", ROLE),
                *("-R", "--checkpoint=fast", "--no-sync"),
            )
        self.start()

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://{ROLE}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        pairs = self._settings.items()
        options = " ".join(f"-c {name}={value}" for name, value in pairs)
        log = self.folder / "log"
        self._run(
            "pg_ctl",
            *("start", "-w", "-s", "-D", self.data, "-l", log, "-o", options),
            *("-t", str(int(30 * timeout_factor()))),
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: "immediate" is a crash, "fast" lets nobody finish, both wait."""
        self._run("pg_ctl", "stop", "-w", "-s", "-D", self.data, "-m", mode)

    def kill(self) -> None:
        """Kill the server's first process with -9; the others end by themselves."""
        number = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(number, signal.SIGKILL)

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "promote", "-w", "-s", "-D", self.data)

    def remove(self) -> None:
        """Stop it, if it runs, and delete its folder."""
        if (self.data / "postmaster.pid").exists():
            options = ("-s", "-D", self.data, "-m", "immediate")
            self._run("pg_ctl", "stop", *options, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, text: str) -> str:
        """Run statements as the owner of everything; return what psql prints."""
        command = ("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text)
        return self._run(*command, self.url())

    def _initdb_options(self) -> Sequence[object]:
        return (
            *("-D", self.data, "-U", ROLE, "-A", "trust", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--no-sync"),
        )

    def _run(self, program: str, *arguments: object, check: bool = True) -> str:
        options: dict[str, Any] = {}
        if self.user is not None:
            options = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid}
            options["extra_groups"] = []
        # Not a pipe: the server would keep it open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(self._programs / program), *map(str, arguments)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
                **options,
            )
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        log = self.folder / "log"
        if check and done.returncode:
            told = log.read_text("utf-8", "replace")[-3000:] if log.exists() else ""
            raise AssertionError(f"{program} failed:\n{text}\n{told}")
        return text.strip()


class Bouncer:
    """PgBouncer in transaction mode before a server.

    Args:
        server: that it leads to; its role needs no password.
    """

    def __init__(self, server: PostgresServer) -> None:
        program = find_pgbouncer()
        assert program is not None, "the lane postgres checks that"
        self.folder = Path(tempfile.mkdtemp(prefix="b", dir=server.folder))
        users = self.folder / "users.txt"
        users.write_text(f'"{ROLE}" ""\n')
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(
            f"""[databases]
* = host={server.folder}
[pgbouncer]
listen_addr =
unix_socket_dir = {self.folder}
auth_type = any
auth_file = {users}
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits
"""
        )
        # `any` makes every client one role, which must be named.
        text = settings.read_text().replace(
            f"host={server.folder}", f"host={server.folder} user={ROLE}"
        )
        settings.write_text(text)
        options: dict[str, Any] = {}
        if server.user is not None:
            for path in (self.folder, users, settings):
                shutil.chown(path, server.user)
            options = {"user": server.user, "extra_groups": []}
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [program, str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            **options,
        )
        await_condition(self._listens)

    def url(self) -> str:
        """Return the URL of the database through it."""
        return f"postgresql://{ROLE}@/postgres?host={self.folder}&port=6432"

    def stop(self) -> None:
        """End it: asked to, it would wait for its clients."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _listens(self) -> bool:
        if self._process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(self._log.read().decode("utf-8", "replace"))
        # Its file is there before anybody listens.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.folder / ".s.PGSQL.6432")) == 0
