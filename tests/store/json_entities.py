"""Entities for the store's tests, with bodies that anybody can read."""

from __future__ import annotations

import json

from channelshim.contracts.entities import EntityKey, Write
from channelshim.contracts.ordering import TOP, encode_bytes, encode_path
from channelshim.contracts.scan import Scan

NOW = 1_700_000_000.0


def values_of(body):
    """Bodies here are JSON objects of lists of texts."""
    found = json.loads(body)
    return {
        name: [encode_bytes(value.encode()) for value in dict.fromkeys(texts)]
        for name, texts in found.items()
    }


def key(*path, namespace=""):
    """Return a key: kinds and ids by turns."""
    elements = list(zip(path[::2], path[1::2], strict=True))
    return EntityKey(namespace, elements[-1][0], encode_path(elements))


def put(at, *, is_insert=False, **fields):
    """Return a write of an entity with these fields, each a list of texts."""
    body = json.dumps(fields).encode()
    return Write(at, body, values_of(body), is_insert)


def found(entities, definition, kind="A", namespace=""):
    """Return the paths in an index, in its order."""
    with entities.read() as snapshot:
        kind_id = snapshot.kind_id(namespace, kind)
        index = snapshot.index(kind_id, definition)
        whole = Scan(kind_id, index.id, b"", TOP)
        return [row[1] for row in snapshot.rows(whole, bodies=False)]
