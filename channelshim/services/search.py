"""The service `search`: Google's stub, with an index that outlives the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make_search_service(directory: Path) -> Any:
    """Return the stub.

    Args:
        directory: the index is a file in it.
    """
    from google.appengine.api.search import simple_search_stub

    class SearchService(simple_search_stub.SearchServiceStub):  # type: ignore[misc]
        """Google's, which writes its index only when a test asks it to."""

        def _Dynamic_IndexDocument(self, *arguments: Any) -> None:
            super()._Dynamic_IndexDocument(*arguments)
            self.Write()

        def _Dynamic_DeleteDocument(self, *arguments: Any) -> None:
            super()._Dynamic_DeleteDocument(*arguments)
            self.Write()

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SearchService(index_file=str(directory / "search"))
