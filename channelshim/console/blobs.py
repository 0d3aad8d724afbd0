"""Blobs: look, save, delete."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar

from channelshim.console import downloads
from channelshim.console.asking import ask, chosen
from channelshim.console.page import (
    MOST_ROWS,
    MOST_SKIPPED,
    ROWS,
    PageHandler,
    Part,
    Refused,
)
from channelshim.services.admin import blobs


class BlobsPage(PageHandler):
    """All blobs, latest first; one of them in full."""

    template: ClassVar[str] = "blobs.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        key = self.request.GET.get("key", "")
        blob = ask(self, blobs.find, key) if key else None
        if key and blob is None:
            raise Refused("There is no such blob.", HTTPStatus.NOT_FOUND)
        return {
            "blob": blob,
            "is_image": blob is not None and blob.content_type in downloads.IMAGES,
            "blobs": self._part(),
        }

    def do_delete(self, **names: str) -> str:
        """Delete the blobs that were chosen."""
        wanted = chosen(self, "key")
        if not wanted:
            raise Refused("Choose blobs first.")
        count = ask(self, blobs.delete, wanted)
        self.done(f"Deleted: {count} of {len(wanted)}.", "/blobs")
        return ""

    def _part(self) -> Part[blobs.Blob]:
        if self.is_post:
            return Part((), 0, ROWS, has_more=False)
        offset = self.number("offset", 0, 0, MOST_SKIPPED)
        limit = self.number("limit", ROWS, 1, MOST_ROWS)
        found = ask(self, blobs.listed, offset, limit + 1)
        return Part(found[:limit], offset, limit, len(found) > limit)


class FilePage(PageHandler):
    """A blob's bytes, to be saved; an image may be shown."""

    def get(self, **names: str) -> None:
        """Answer with them."""
        key = self.request.GET.get("key", "")
        blob = ask(self, blobs.find, key)
        file = None if blob is None else ask(self, blobs.open_file, key)
        if blob is None or file is None:
            raise Refused("There is no such blob.", HTTPStatus.NOT_FOUND)
        downloads.send_file(
            self, file, blob.filename or blob.key, content_type=blob.content_type
        )
