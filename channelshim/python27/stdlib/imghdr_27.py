"""imghdr: which format an image has, from its first bytes."""

from __future__ import annotations

from typing import Any

from channelshim.python27.strings import STRINGS, to_bytes

__all__ = ["what", "tests"]

tests: list[Any] = []
_HEAD_BYTES = 32


def _kind(head: bytes) -> str | None:
    if head[6:10] in (b"JFIF", b"Exif"):
        return "jpeg"
    for start, kind in (
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (b"MM", "tiff"),
        (b"II", "tiff"),
        (b"\x01\xda", "rgb"),
        (b"BM", "bmp"),
        (b"#define ", "xbm"),
        (b"\x59\xa6\x6a\x95", "rast"),
    ):
        if head.startswith(start):
            return kind
    if head[:1] == b"P" and head[2:3] in (b" ", b"\t", b"\n", b"\r"):
        return {49: "pbm", 52: "pbm", 50: "pgm", 53: "pgm", 51: "ppm", 54: "ppm"}.get(
            head[1]
        )
    return None


def what(file: Any, h: Any = None) -> Any:
    """Return an image's format; None when it is not known."""
    if h is None:
        if isinstance(file, STRINGS):
            with open(file, "rb") as opened:
                h = opened.read(_HEAD_BYTES)
        else:
            place = file.tell()
            h = file.read(_HEAD_BYTES)
            file.seek(place)
    head = to_bytes(h)
    found = _kind(head)
    if found is None:
        for test in tests:
            found = test(h, None if isinstance(file, STRINGS) else file)
            if found:
                break
    return found
