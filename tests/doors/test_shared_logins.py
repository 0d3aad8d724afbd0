"""`--login=accounts` at several servers of one PostgreSQL: one account, one count."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.appserver.login.accounts import ACCOUNT_AT_ONCE
from tests.doors.test_real_logins import (
    ANN,
    APP,
    PASSWORD,
    ask,
    command,
    log_in,
    seen,
)
from tests.servers import Servers
from tests.store.backends import give_back_schema, shared_server, take_schema

pytestmark = pytest.mark.postgres


@pytest.fixture
def store() -> Iterator[tuple[str, str]]:
    """The flags that name a store of this test's own."""
    schema = take_schema()
    yield f"--store={shared_server().url()}", f"--store_schema={schema}"
    give_back_schema(schema)


def test_accounts_at_several_servers(
    server: Servers,
    store: tuple[str, str],
    tmp_path: Path,
    wait_until: Callable[..., Any],
) -> None:
    data = tmp_path / "elsewhere"
    command("add", ANN, data=data, text=PASSWORD, flags=store)
    flags = (
        *("--login=accounts", f"--admins={ANN}"),
        *("--console=no", "--automatic_restart=no"),
    )
    one = server(APP, *store, *flags)
    two = server(APP, *store, *flags, "--workers=2")

    # Who has logged in at one is known at the other, until a logout at either.
    status, cookie = log_in(one)
    assert status == 303
    found = seen(two, Cookie=cookie)
    assert (found["user"], found["admin"]) == (ANN, True)
    assert ask(two, "/_ah/logout", None, Cookie=cookie).status == 303
    for each in (one, two):
        wait_until(lambda each=each: seen(each, Cookie=cookie)["user"] is None)

    # A new password ends the sessions at both.
    _, cookie = log_in(two)
    assert seen(one, Cookie=cookie)["user"] == ANN
    command("passwd", ANN, data=data, text="another password", flags=store)
    for each in (one, two):
        wait_until(lambda each=each: seen(each, Cookie=cookie)["user"] is None)
        assert log_in(each)[0] == 422
    assert log_in(one, "another password")[0] == 303

    # Guesses are counted together: counted by each, they would be twice as many. (One a
    # minute is given back meanwhile.)
    guesses, refused = 0, set()
    for each in itertools.cycle((one, two)):
        status = log_in(each, "a guess")[0]
        assert status in (422, 429)
        guesses += status == 422
        refused |= {each} if status == 429 else set()
        if len(refused) == 2:
            break
    assert ACCOUNT_AT_ONCE <= guesses < 2 * ACCOUNT_AT_ONCE
    command("remove", ANN, data=data, flags=store)
    assert "there are no accounts" in command("list", data=data, flags=store)
