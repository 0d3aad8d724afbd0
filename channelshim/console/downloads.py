"""Bytes that the app keeps, sent so that no browser takes them for a page of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Final
from urllib.parse import quote

from channelshim.console.page import PageHandler

IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What may be shown: images that hold no script."""

PIECE_BYTES: Final = 1 << 16

ANY: Final = "application/octet-stream"


def send(page: PageHandler, data: bytes, filename: str) -> None:
    """Answer with bytes to be saved, whatever is in them.

    Args:
        page: that answers.
        data: the bytes.
        filename: any text; the browser is told a safe one.
    """
    _describe(page, filename, ANY)
    page.response.body = data


def send_file(
    page: PageHandler, file: IO[bytes], filename: str, *, content_type: str
) -> None:
    """Answer with a file to be saved; an image may be shown.

    Args:
        page: that answers.
        file: read piece by piece, and closed.
        filename: as `send`.
        content_type: of anything; what is not one of IMAGES is not said.
    """
    _describe(page, filename, content_type if content_type in IMAGES else ANY)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    page.response.app_iter = _pieces(file, size)
    page.response.content_length = size


def _describe(page: PageHandler, filename: str, content_type: str) -> None:
    headers = page.response.headers
    headers["Content-Type"] = content_type
    headers["Content-Disposition"] = disposition(filename)


def disposition(filename: str) -> str:
    """Return a Content-Disposition that saves a file (RFC 6266)."""
    name = filename.replace("/", "_").replace("\\", "_").strip(". ") or "file"
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"%;' else "_"
        for char in name[:150]
    )
    encoded = quote(name[:150].encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield a file up to the size that was announced."""
    with file:
        while size > 0 and (piece := file.read(min(size, PIECE_BYTES))):
            size -= len(piece)
            yield piece
