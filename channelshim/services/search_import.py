"""The file in which an older channelshim kept all search indexes, read in once."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from channelshim.contracts.search import SearchIndexes
from channelshim.services.search_documents import search_document

_logger: Final = logging.getLogger("channelshim.services")

_ALLOWED: Final = frozenset(
    {
        ("builtins", "object"),
        ("builtins", "set"),
        ("copyreg", "_reconstructor"),
        ("__builtin__", "object"),
        ("__builtin__", "set"),
        ("copy_reg", "_reconstructor"),
        ("_codecs", "encode"),
        ("re", "_compile"),
        ("google._upb._message", "_CMessage"),
    }
)
"""Besides the SDK's classes for search and for messages, all that such a file names."""

_ALLOWED_MODULES: Final = (
    "google.appengine.api.search.",
    "google.appengine.datastore.document_pb2",
)


class _Reader(pickle.Unpickler):
    """Makes nothing but what a search index consists of."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return super().find_class(module, name)
        if module.startswith(_ALLOWED_MODULES) and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a search index")


def import_old_file(path: Path, indexes: SearchIndexes) -> None:
    """Put the documents of the old file into the store, and rename it to *.imported.

    One that is damaged is renamed too, with a warning; nothing of it is lost.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        _logger.warning("the search index %s cannot be read: %s", path, error)
        return
    try:
        old = list(_read(data))
    except Exception as error:
        _logger.warning(
            "the search index %s of an older channelshim cannot be read (%s): put the "
            "documents again",
            path,
            error,
        )
    else:
        _store(old, indexes)
        _logger.info("the search index %s was taken into the store", path)
    path.replace(path.with_name(f"{path.name}.imported"))


def _read(data: bytes) -> Iterator[tuple[str, str, Any]]:
    version, by_namespace = _Reader(io.BytesIO(data)).load()
    if version != 1:
        raise ValueError(f"its version is {version}")
    for namespace, by_name in by_namespace.items():
        for name, index in by_name.items():
            yield namespace, name, index


def _store(old: list[tuple[str, str, Any]], indexes: SearchIndexes) -> None:
    with indexes.write() as view:
        for namespace, name, index in old:
            view.add_index(namespace, name)
            for field_types in index._inverted_index._schema._field_types:
                for kind in field_types.type:
                    view.note_schema(namespace, name, field_types.name, kind)
            for document in index._documents.values():
                view.put(namespace, name, search_document(document))
