"""`channelshim doctor --deployment` looks at the servers that serve is to be given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from channelshim.broker.redis import scripts
from channelshim.cli import main as cli
from channelshim.composition.policy import worker_count
from channelshim.composition.settings import Settings
from tests.ports import free_port
from tests.redis_servers import RedisServer

SECRET = "pa55word"

APP = "runtime: python39\n"


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    """Return the folder of an app."""
    (tmp_path / "app.yaml").write_text(APP)
    return tmp_path


class Doctor:
    """Runs the command.

    Args:
        app_dir: of the app.
    """

    def __init__(self, app_dir: Path) -> None:
        self._app_dir = app_dir
        self.status = 0
        self.output = ""

    def __call__(self, *words: str, **variables: str) -> dict[str, str]:
        """Return the findings: the line of each subject, verdict first."""
        command = ["doctor", str(self._app_dir), "--deployment", *words]
        command += ["--application=app", f"--storage-path={self._app_dir}"]
        ran = CliRunner(env=dict(variables)).invoke(cli._group, command)
        assert ran.exception is None or isinstance(ran.exception, SystemExit)
        self.status, self.output = ran.exit_code, ran.output
        assert SECRET not in self.output
        rows = re.findall(r"^  (ok|note|wrong) +(\w+) +(.+)$", self.output, re.M)
        return {subject: f"{verdict} {text}" for verdict, subject, text in rows}


@pytest.fixture
def doctor(app_dir: Path) -> Doctor:
    """Return what runs the command."""
    return Doctor(app_dir)


def test_nothing_to_look_at_is_one_sentence(doctor: Doctor) -> None:
    assert doctor() == {}
    assert doctor.status == 2
    assert "no server is named to look at" in doctor.output
    assert doctor.output.count("\n") == 1


def test_a_modules_file_is_taken_as_serve_takes_it(app_dir: Path) -> None:
    file = app_dir / "web.yaml"
    file.write_text("runtime: python27\nhandlers: []\n")
    command = ["doctor", str(file), "--deployment", "--broker=http://localhost"]
    ran = CliRunner().invoke(cli._group, command)
    assert "is not a folder" not in str(ran.exception)
    assert "broker must be the URL of a Redis" in f"{ran.output}{ran.exception}"


def test_wrong_url_is_one_sentence(doctor: Doctor) -> None:
    doctor("--broker=http://localhost")
    assert (doctor.status, doctor.output.count("\n")) == (2, 1)
    assert "broker must be the URL of a Redis" in doctor.output


def test_settings_of_servers_need_the_flag(app_dir: Path) -> None:
    command = ["doctor", str(app_dir), "--broker=redis://localhost"]
    ran = CliRunner().invoke(cli._group, command)
    assert "--broker is for --deployment" in str(ran.exception)


def test_every_command_of_the_functions_is_tried() -> None:
    used: set[bytes] = set()
    for script in (*scripts.load().values(), *scripts.load_cache().values()):
        used |= set(re.findall(rb"redis\.p?call\('(\w+)'", script.source))
    tried = set(re.findall(rb"\{'([A-Z]+)'", scripts.load_examination().source))
    assert used
    assert used - tried == set()


# --- Redis ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good_redis() -> Iterator[RedisServer]:
    """Run a Redis that is right for channels."""
    server = RedisServer(
        *("--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl"),
        *("--appendonly", "yes"),
    )
    yield server
    server.close()


@pytest.fixture
def redis(good_redis: RedisServer) -> Iterator[RedisServer]:
    """Return it; what a test has set is set back."""
    client: Any = good_redis.client()
    before = client.config_get("*")
    yield good_redis
    for name in ("maxmemory", "maxmemory-policy", "appendonly", "save"):
        client.config_set(name, before[name])
    client.execute_command("REPLICAOF", "NO", "ONE")
    client.close()


@pytest.mark.redis
def test_right_redis_is_fine(redis: RedisServer, doctor: Doctor) -> None:
    before = redis.client().dbsize()
    found = doctor(f"--broker={redis.url}")
    # That the store is on one machine is a note of its own.
    assert {name for name, text in found.items() if text[:2] != "ok"} == {"store"}
    assert set(found) >= {"version", "role", "policy", "persistence", "permissions"}
    assert set(found) >= {"memory", "latency", "clock"}
    assert doctor.status == 0
    assert "Nothing is wrong; 1 note." in doctor.output
    assert redis.client().dbsize() == before


@pytest.mark.redis
@pytest.mark.parametrize(
    ("option", "value", "subject", "sentence"),
    [
        ("maxmemory-policy", "allkeys-lru", "policy", "wrong maxmemory-policy is all"),
        ("maxmemory-policy", "volatile-lru", "policy", "note maxmemory-policy is vol"),
        ("maxmemory-policy", "noeviction", "policy", "note maxmemory-policy is noev"),
        ("maxmemory", "0", "memory", "note "),
        ("appendonly", "no", "persistence", "note it has none: a Redis that ends"),
    ],
)
def test_policies_of_a_redis(
    redis: RedisServer,
    doctor: Doctor,
    option: str,
    value: str,
    subject: str,
    sentence: str,
) -> None:
    redis.client().config_set(option, value)
    found = doctor(f"--broker={redis.url}")
    assert found[subject].startswith(sentence)
    assert doctor.status == int(sentence.startswith("wrong"))


@pytest.mark.redis
def test_memcache_wants_another_policy(redis: RedisServer, doctor: Doctor) -> None:
    found = doctor(f"--memcache={redis.url}")
    assert "volatile-lru" in found["policy"]
    assert found["persistence"].startswith("ok")
    found = doctor(f"--memcache={redis.url}", f"--broker={redis.url}")
    assert "shares the Redis of broker" in found["memcache"]


@pytest.mark.redis
def test_replica_is_wrong(redis: RedisServer, doctor: Doctor) -> None:
    redis.client().execute_command("REPLICAOF", "127.0.0.1", "1")
    found = doctor(f"--broker={redis.url}")
    assert found["role"].startswith("wrong it is a replica")
    assert doctor.status == 1


@pytest.mark.redis
@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ("~* +@all -xadd", "XADD"),
        ("~* +@all -xread -hscan", "HSCAN, XREAD"),
        ("~* +@all -script", "SCRIPT LOAD"),
        ("~* +@all -@scripting", "SCRIPT LOAD"),
        ("~{cs:another/* +@all", "GET"),
    ],
)
def test_what_a_user_may_not_do_is_named(
    redis: RedisServer, doctor: Doctor, tmp_path: Path, rules: str, named: str
) -> None:
    words = ["on", f">{SECRET}", "resetkeys", *rules.split()]
    redis.client().execute_command("ACL", "SETUSER", "poor", "reset", *words)
    file = tmp_path / "url"
    file.write_text(redis.url.replace("//", f"//poor:{SECRET}@", 1) + "\n")
    found = doctor(CHANNELSHIM_BROKER_FILE=str(file))
    assert found["permissions"].startswith("wrong")
    assert named in found["permissions"]
    assert doctor.status == 1


@pytest.mark.redis
def test_user_with_the_keys_of_its_app_is_enough(
    redis: RedisServer, doctor: Doctor
) -> None:
    words = ("on", f">{SECRET}", "~{cs:app/*", "+@all", "-@dangerous", "+info")
    redis.client().execute_command("ACL", "SETUSER", "own", "reset", *words)
    url = redis.url.replace("//", f"//own:{SECRET}@", 1)
    found = doctor(CHANNELSHIM_BROKER=url)
    assert found["permissions"].startswith("ok"), doctor.output
    assert doctor.status == 0


@pytest.mark.redis
def test_redis_that_nobody_reaches_is_wrong(doctor: Doctor) -> None:
    url = f"redis://me:{SECRET}@127.0.0.1:{free_port()}"
    found = doctor(CHANNELSHIM_BROKER=url)
    assert found["access"].startswith("wrong it cannot be reached")
    assert doctor.status == 1


@pytest.mark.redis
def test_wrong_password_is_wrong(redis: RedisServer, doctor: Doctor) -> None:
    url = redis.url.replace("//", f"//nobody:{SECRET}@", 1)
    found = doctor(CHANNELSHIM_BROKER=url)
    assert found["access"].startswith("wrong it does not take the password")


@pytest.mark.redis
def test_sentinels_that_nobody_reaches_are_wrong(doctor: Doctor) -> None:
    port = free_port()
    found = doctor(f"--broker=redis+sentinel://127.0.0.1:{port}/main")
    assert found["sentinels"].startswith(f"wrong 127.0.0.1:{port} cannot be reached")
    assert doctor.status == 1


# --- PostgreSQL -----------------------------------------------------------------------


class Postgres:
    """The tests' server, and roles of it."""

    def __init__(self) -> None:
        from tests.store.backends import shared_server

        self._server = shared_server()
        self.sql = self._server.sql

    def url(self, role: str = "channelshim") -> str:
        """Return the URL of its database for a role."""
        return self._server.url().replace("channelshim@", f"{role}@")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """Return the server, with a role `doctored` that may do nothing yet."""
    server = Postgres()
    server.sql("DROP SCHEMA IF EXISTS doctored CASCADE")
    server.sql("DROP ROLE IF EXISTS doctored")
    server.sql("CREATE ROLE doctored LOGIN")
    yield server
    server.sql("DROP SCHEMA IF EXISTS doctored CASCADE; DROP ROLE doctored")


@pytest.mark.postgres
def test_right_postgresql_is_fine_but_for_its_disk(
    postgres: Postgres, doctor: Doctor
) -> None:
    found = doctor(f"--store={postgres.url()}", "--store-schema=doctored")
    # The tests' server may lose what it has.
    assert found.pop("durability").startswith("wrong full_page_writes is off")
    assert found.pop("vacuum").startswith("note")
    assert found.pop("channels").startswith("note they are each server's own")
    assert {name for name, text in found.items() if text[:2] != "ok"} == set()
    assert "is made at the first start" in found["schema"]
    assert set(found) >= {"version", "role", "connections", "permissions", "pooler"}
    assert set(found) >= {"latency", "clock"}
    assert doctor.status == 1
    assert "doctored" not in postgres.sql("SELECT nspname FROM pg_namespace")


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statement", "subject", "sentence"),
    [
        ("SELECT 1", "permissions", "wrong this role may not make the schema"),
        ("CREATE SCHEMA doctored", "permissions", "wrong this role may not make"),
        ("CREATE SCHEMA doctored AUTHORIZATION doctored", "permissions", "ok"),
        (
            "CREATE SCHEMA doctored AUTHORIZATION doctored; "
            "CREATE TABLE doctored.schema_version AS SELECT 1 AS version; "
            "GRANT SELECT ON doctored.schema_version TO doctored",
            "permissions",
            "wrong this role may not read and change the table schema_version",
        ),
        (
            "CREATE SCHEMA doctored AUTHORIZATION doctored; "
            "CREATE TABLE doctored.theirs (id int)",
            "schema",
            "wrong the schema doctored has tables that are not",
        ),
        ("ALTER ROLE doctored CONNECTION LIMIT 3", "connections", "wrong this mach"),
        ("ALTER ROLE doctored SET synchronous_commit = off", "durability", "note syn"),
        ("ALTER ROLE doctored SET statement_timeout = '3s'", "timeout", "note state"),
        (
            "ALTER ROLE doctored SET default_transaction_read_only = on",
            "role",
            "wrong it is read-only",
        ),
    ],
)
def test_what_is_wrong_with_a_postgresql_is_told(
    postgres: Postgres, doctor: Doctor, statement: str, subject: str, sentence: str
) -> None:
    postgres.sql(statement)
    url = postgres.url("doctored")
    found = doctor(f"--store={url}", "--store-schema=doctored", "--workers=2")
    assert found[subject].startswith(sentence), doctor.output


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--threads=3",), 10),
        (("--threads=3", "--workers=3"), (1 + 3) * 10),
        # One for each folder, beside the front.
        (("--threads=3", "MODULES"), (1 + 2) * 10),
        (("--threads=3", "MODULES", "--workers=2"), (1 + 2 * 2) * 10),
        (("MODULES", "--store-connections=5"), (1 + 2) * 5),
        # That with `threadsafe: false` has one thread.
        (("MODULES",), 2 * (2 * worker_count(Settings(), None) + 4) + 6),
    ],
)
def test_connections_of_all_processes_are_counted(
    postgres: Postgres, doctor: Doctor, app_dir: Path, words: Any, count: int
) -> None:
    (app_dir / "more").mkdir()
    (app_dir / "more" / "app.yaml").write_text(
        "runtime: python27\nmodule: more\nthreadsafe: false\n"
        "handlers:\n- url: /.*\n  script: main.app\n"
    )
    named = str(app_dir / "more" / "app.yaml")
    given = [named if word == "MODULES" else word for word in words]
    found = doctor(f"--store={postgres.url()}", *given)
    assert f"opens up to {count}, and" in found["connections"]


@pytest.mark.postgres
def test_schema_of_another_version_is_told(postgres: Postgres, doctor: Doctor) -> None:
    from channelshim.store.postgres.place import Place
    from channelshim.store.postgres.schema import VERSION
    from channelshim.store.postgres.state import PostgresStore

    PostgresStore(Place(postgres.url(), "doctored")).close()
    words = (f"--store={postgres.url()}", "--store-schema=doctored")
    assert doctor(*words)["schema"] == f"ok the schema doctored has version {VERSION}"
    postgres.sql("UPDATE doctored.schema_version SET version = 2")
    assert doctor(*words)["schema"].startswith("note")
    postgres.sql("UPDATE doctored.schema_version SET version = 999")
    assert doctor(*words)["schema"].startswith("wrong")


@pytest.mark.postgres
def test_postgresql_that_nobody_reaches_is_wrong(
    doctor: Doctor, tmp_path: Path
) -> None:
    url = f"postgresql://me:{SECRET}@/nowhere?host={tmp_path}"
    found = doctor(CHANNELSHIM_STORE=url)
    assert found["access"].startswith("wrong")
    assert doctor.status == 1


@pytest.mark.postgres
def test_pooler_is_seen(doctor: Doctor) -> None:
    from tests.postgres_server import Bouncer
    from tests.store.backends import shared_server

    bouncer = Bouncer(shared_server())
    try:
        words = (f"--store={bouncer.url()}", "--store-schema=doctored")
        assert doctor(*words)["pooler"].startswith("note a pooler stands before it")
        found = doctor(*words, "--store-pooler=yes")
        assert found["pooler"].startswith("ok")
    finally:
        bouncer.stop()
