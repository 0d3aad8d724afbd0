"""Migrations, and what is refused at the start in one sentence."""

from __future__ import annotations

import threading

import pytest

from channelshim.contracts.server_urls import shown
from channelshim.errors import ConfigurationError, StorageError
from channelshim.store.postgres import schema as schemas
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.session import Connection, complete
from channelshim.store.postgres.state import PostgresStore


def version_of(server, schema):
    return int(server.sql(f"SELECT version FROM {schema}.schema_version"))


@pytest.fixture
def fresh(server):
    """Return the name of a schema that is not there."""
    server.sql("DROP SCHEMA IF EXISTS fresh CASCADE")
    yield "fresh"
    server.sql("DROP SCHEMA IF EXISTS fresh CASCADE")


def opened(server, schema, **options):
    return PostgresStore(Place(server.url(), schema, **options))


def test_logouts_are_found_in_an_index_and_not_sorted(server, fresh):
    opened(server, fresh).close()
    # As with many rows: these are none.
    plan = server.sql(
        f"SET search_path TO {fresh}; SET enable_seqscan TO off; "
        "EXPLAIN SELECT number FROM ended_login "
        "ORDER BY expires_at DESC, number OFFSET 1000"
    )
    assert "using ended_login_expires_at" in plan
    assert "Sort" not in plan


def test_many_that_start_at_once_make_the_schema_once(server, fresh):
    secrets, errors = [], []

    def start():
        try:
            store = opened(server, fresh)
            secrets.append(tuple(store.secrets.get("token")))
            store.close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(secrets) == 6
    assert len(set(secrets)) == 1
    assert version_of(server, fresh) == schemas.VERSION


def test_schema_made_while_it_is_looked_for_is_no_one_elses(server, fresh):
    store = Database(Place(server.url(), fresh))
    raw = store.connect().raw
    other = store.connect()

    class Overtaken(Connection):
        """Has another server make the schema after this one's first look."""

        __slots__ = ("is_overtaken",)

        def row(self, statement, values=()):
            answer = super().row(statement, values)
            if "to_regclass" in statement and not hasattr(self, "is_overtaken"):
                self.is_overtaken = True
                schemas.migrate(other, store.place)
            return answer

    schemas.migrate(Overtaken(raw), store.place)
    assert version_of(server, fresh) == schemas.VERSION
    raw.close()
    other.raw.close()


def test_older_schema_is_brought_up_and_keeps_its_data(server, fresh, monkeypatch):
    older = schemas.MIGRATIONS[:2]
    with monkeypatch.context() as patched:
        patched.setattr(schemas, "MIGRATIONS", older)
        patched.setattr(schemas, "VERSION", len(older))
        store = opened(server, fresh)
        secret = store.secrets.get("token")
        store.close()
        assert version_of(server, fresh) == 2
    store = opened(server, fresh)
    assert store.secrets.get("token") == secret
    store.close()
    assert version_of(server, fresh) == schemas.VERSION


def test_mail_of_an_older_server_beside_this_one_can_be_tried_again(
    server, fresh, monkeypatch
):
    older = schemas.MIGRATIONS[: schemas.MIGRATIONS.index(schemas._MAIL_GIVEN_UP)]
    with monkeypatch.context() as patched:
        patched.setattr(schemas, "MIGRATIONS", older)
        patched.setattr(schemas, "VERSION", len(older))
        opened(server, fresh).close()
    names = "added_at, state, sender, recipients, due_at, gives_up_at, size, data"
    values = "1, '{}', 'app@example.com', '[\"bob@example.com\"]', 2, 9, 4, 'data'"
    insert = f"INSERT INTO {fresh}.mail ({names}) VALUES ({values})"
    server.sql(insert.format("failed"))
    store = opened(server, fresh)
    # It goes on beside this one, and knows nothing of those who are given up.
    server.sql(insert.format("waiting"))
    assert store.mails.retry(1, 10.0)
    mails = [store.mails.take(10.0, 20.0) for _ in range(2)]
    assert sorted(mail.number for mail in mails) == [1, 2]
    for mail in mails:
        assert mail.envelope.recipients == ("bob@example.com",)
        assert mail.given_up == ()
    server.sql(
        f"UPDATE {fresh}.mail SET state = 'failed', recipients = '[]', taken_by = '', "
        "refused = 'bob@example.com: 550 no'"
    )
    # Nobody is known who lacks it.
    assert not store.mails.retry(1, 10.0)
    store.close()


def test_schema_of_a_newer_channelshim_is_refused(server, fresh):
    opened(server, fresh).close()
    server.sql(f"UPDATE {fresh}.schema_version SET version = 999")
    with pytest.raises(StorageError, match=r"newer channelshim .*999.*upgrade"):
        opened(server, fresh)
    assert version_of(server, fresh) == 999


def test_migration_that_fails_changes_nothing(server, fresh, monkeypatch):
    scripts = (*schemas.MIGRATIONS, "CREATE TABLE kind (id bigint)")
    monkeypatch.setattr(schemas, "MIGRATIONS", scripts)
    monkeypatch.setattr(schemas, "VERSION", len(scripts))
    with pytest.raises(StorageError, match="kind"):
        opened(server, fresh)
    assert server.sql("SELECT count(*) FROM pg_namespace WHERE nspname='fresh'") == "0"


def test_schema_of_others_is_refused(server, fresh):
    server.sql("CREATE SCHEMA fresh; CREATE TABLE fresh.theirs (id int)")
    with pytest.raises(StorageError, match="not channelshim's; name another"):
        opened(server, fresh)


def test_empty_schema_is_taken(server, fresh):
    server.sql("CREATE SCHEMA fresh")
    opened(server, fresh).close()
    assert version_of(server, fresh) == schemas.VERSION


@pytest.mark.parametrize("name", ["", 'a"b', "pg_a", "x" * 64])
def test_impossible_names_of_schemas_are_refused(server, name):
    with pytest.raises(StorageError, match="cannot be named"):
        opened(server, name)


def test_server_that_is_too_old_is_refused(server, fresh, monkeypatch):
    monkeypatch.setattr(schemas, "LEAST_VERSION", 990000)
    with pytest.raises(StorageError, match=r"is a PostgreSQL \d+: .* 99 or newer"):
        opened(server, fresh)


def test_server_that_is_read_only_is_refused(server, fresh):
    url = server.url() + "&options=-cdefault_transaction_read_only%3Don"
    with pytest.raises(StorageError, match="is read-only: name the primary"):
        PostgresStore(Place(url, fresh))


def test_role_without_rights_is_refused(server, fresh):
    server.sql("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN")
    url = server.url().replace("channelshim@", "poor@")
    with pytest.raises(StorageError, match="this role may not do that"):
        PostgresStore(Place(url, fresh))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:geheim@127.0.0.1:1/db",
        "postgresql://ann@127.0.0.1:1/db?password=geheim",
        "postgresql://ann:geheim@[::1]:1/db",
        "postgresql://ann:geheim@/db?host=/nowhere",
    ],
)
def test_server_that_does_not_answer_is_one_sentence_without_the_password(url):
    with pytest.raises(StorageError) as refused:
        PostgresStore(Place(url, "s"))
    sentence = str(refused.value)
    assert "ann@" in sentence
    assert "geheim" not in sentence
    assert "\n" not in sentence
    assert "geheim" not in repr(Place(url, "s"))


@pytest.mark.parametrize(
    "url", ["postgresql://a:geheim@h/d?nonsense=1", "postgresql://["]
)
def test_url_that_the_driver_cannot_read_is_not_shown(url):
    with pytest.raises(ConfigurationError) as refused:
        complete(url)
    assert "geheim" not in str(refused.value)


def test_several_hosts_ask_for_the_one_that_writes():
    assert "target_session_attrs=read-write" in complete("postgresql://a,b/d")
    assert "target_session_attrs" not in complete("postgresql://a/d")
    chosen = complete("postgresql://a,b/d?target_session_attrs=any")
    assert "target_session_attrs=any" in chosen
    assert shown("postgresql://u:p@a:1,b:2/d?x=1") == "postgresql://u@a:1,b:2/d?x=1"
