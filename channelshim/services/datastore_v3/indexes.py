"""index.yaml: what it defines, and whether a query may run without more.

Source: SDK, datastore/datastore_stub_util.py, _CheckHasIndex and _SetupIndexes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.appengine.datastore import (
    datastore_index,
    datastore_pb,
)
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2
from google.appengine.runtime import apiproxy_errors

from channelshim.services.datastore_v3 import metadata

_NEED_INDEX = (
    "This query requires a composite index that is not defined. "
    "You must update the index.yaml file in your application root."
)


class CompositeIndexes:
    """The indexes that an app defines; read again when the file changes.

    Args:
        app: the app's id.
        path: index.yaml, or None.
        require_indexes: whether queries need them.
    """

    def __init__(self, app: str, path: Path | None, *, require_indexes: bool) -> None:
        self._app = app
        self._path = path
        self._require_indexes = require_indexes
        self._lock = threading.Lock()
        self._read_at: int | None = None
        self._defined: Sequence[Any] = ()

    def defined(self) -> Sequence[Any]:
        """Return them as entity_pb2.CompositeIndex."""
        if self._path is None:
            return ()
        try:
            changed_at = self._path.stat().st_mtime_ns
        except OSError:
            return ()
        with self._lock:
            if changed_at != self._read_at:
                self._defined = self._read(self._path)
                self._read_at = changed_at
            return self._defined

    def check(self, query: Any) -> None:
        """Refuse a query whose index is required and not defined.

        Raises:
            ApplicationError: NEED_INDEX, with the lines that index.yaml lacks.
        """
        if not self._require_indexes or query.kind in metadata.PSEUDO_KINDS:
            return
        minimal = datastore_index.MinimalCompositeIndexForQuery(
            query,
            [datastore_index.ProtoToIndexDefinition(each) for each in self.defined()],
        )
        if minimal is None:
            return
        is_most_efficient, kind, ancestor, properties = minimal
        sentence = _NEED_INDEX
        if not is_most_efficient:
            lines = datastore_index.IndexYamlForQuery(
                kind,
                ancestor,
                datastore_index.GetRecommendedIndexProperties(properties),
            )
            sentence += f"\nThe following index is the minimum index required:\n{lines}"
        raise apiproxy_errors.ApplicationError(datastore_pb.Error.NEED_INDEX, sentence)

    def _read(self, path: Path) -> Sequence[Any]:
        definitions = datastore_index.ParseIndexDefinitions(path.read_text("utf-8"))
        if definitions is None or not definitions.indexes:
            return ()
        indexes = datastore_index.IndexDefinitionsToProtos(
            self._app, definitions.indexes
        )
        for number, each in enumerate(indexes, start=1):
            each.id = number
            each.state = entity_pb2.CompositeIndex.READ_WRITE
        return tuple(indexes)
