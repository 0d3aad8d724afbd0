"""What the children of the durability and process tests do. Run as a program."""

from __future__ import annotations

import os
import pathlib
import random
import sys
from collections.abc import Callable
from typing import Any

os.environ["APPLICATION_ID"] = "dev~app"
os.environ["AUTH_DOMAIN"] = "gmail.com"

from google.appengine.api import apiproxy_stub_map, datastore_errors
from google.appengine.ext import ndb

from channelshim import appengine
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore

appengine.install()


class Account(ndb.Model):
    amount = ndb.IntegerProperty()


class Entry(ndb.Model):
    number = ndb.IntegerProperty()
    body = ndb.TextProperty()


def open_store(directory):
    """Put a service over a store behind the API proxy and return the store.

    Args:
        directory: a folder for SQLite; for PostgreSQL a URL with the schema behind "#".
    """
    url, _, schema = str(directory).partition("#")
    store: Any
    if "://" in url:
        from channelshim.store.postgres.place import Place
        from channelshim.store.postgres.state import PostgresStore

        store = PostgresStore(Place(url, schema), values_of_body)
    else:
        store = SqliteStore(pathlib.Path(url), values_of_body, takes_lease=False)
    service = DatastoreService(store.entities, "dev~app")
    apiproxy_stub_map.apiproxy = apiproxy_stub_map.APIProxyStubMap()
    apiproxy_stub_map.apiproxy.RegisterStub("datastore_v3", service)
    apiproxy_stub_map.apiproxy.ndb_memcache = False
    ndb.get_context().set_cache_policy(False)
    return store


def until_done(function, *arguments):
    """Run a transaction, again and again while others are in its way."""
    while True:
        try:
            return ndb.transaction(lambda: function(*arguments), xg=True, retries=0)
        except datastore_errors.TransactionFailedError:
            continue


def transfer(source, target, amount):
    """Move an amount between accounts; 0 and one account mean an increment."""
    if source == target:
        account = Account.get_by_id(target)
        account.amount += amount
        account.put()
        return
    one, two = Account.get_by_id(source), Account.get_by_id(target)
    one.amount -= amount
    two.amount += amount
    ndb.put_multi([one, two])


def contend(count, seed):
    """Increment one account `count` times and move money `count` times."""
    chance = random.Random(seed)
    for _ in range(int(count)):
        until_done(transfer, 100, 100, 1)
        source, target = chance.sample([1, 2, 3], 2)
        until_done(transfer, source, target, chance.randint(1, 9))


def write_for_ever(first):
    """Put, delete and transact; say what is acknowledged, a line each.

    "+N" is put, "-N" deleted, "=N" both halves of a transaction.
    """
    number = int(first)
    while True:
        number += 1
        Entry(id=number, number=number, body="x" * 2000).put()
        say(f"+{number}")
        if number % 3 == 0:
            ndb.Key(Entry, number - 1).delete()
            say(f"-{number - 1}")
        ndb.transaction(lambda at=number: put_pair(at), xg=True)
        say(f"={number}")


def put_pair(number):
    """Put two entities of different groups."""
    ndb.put_multi(
        [
            Entry(id=f"left {number}", number=-number),
            Entry(id=f"right {number}", number=-number),
        ]
    )


def say(line):
    """Tell the parent at once."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    open_store(sys.argv[2])
    say("ready")
    commands: dict[str, Callable[..., None]] = {
        "contend": contend,
        "write": write_for_ever,
    }
    commands[sys.argv[1]](*sys.argv[3:])
