"""Resized images are made one at a time, and the last ones kept."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Callable
from typing import IO, Any

import pytest
from PIL import Image, ImageFile

from channelshim import limits
from channelshim.appserver.blobs.gallery import Gallery, GalleryBusy, NotAnImage, resize
from tests.lanes import timeout_factor

GALLERY = "channelshim.appserver.blobs.gallery"


def picture(width: int, height: int, kind: str = "JPEG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(made, kind)
    return made.getvalue()


class Blob:
    """Opens an image and counts how often."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.opened = 0

    def __call__(self) -> IO[bytes]:
        self.opened += 1
        return io.BytesIO(self.data)


def test_image_is_made_once() -> None:
    gallery, blob = Gallery(), Blob(picture(40, 20))
    first = gallery.resized("key", blob, 10, False)
    assert gallery.resized("key", blob, 10, False) == first
    assert blob.opened == 1
    assert gallery.resized("key", blob, 10, True) != first
    assert gallery.resized("other", blob, 10, False) == first
    assert blob.opened == 3


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, blob = Gallery(), Blob(picture(40, 20))
    size = len(gallery.resized("a", blob, 10, False)[0])
    monkeypatch.setattr(f"{GALLERY}.SERVED_IMAGES_BYTES", 2 * size)
    for key in "bac":
        gallery.resized(key, blob, 10, False)
    assert blob.opened == 3
    gallery.resized("a", blob, 10, False)
    assert blob.opened == 3
    gallery.resized("b", blob, 10, False)
    assert blob.opened == 4


class SlowBlob:
    """Opens an image whose pixels are read when the test lets them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reading = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> IO[bytes]:
        outer = self

        class File(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                # Pillow reads heads in small pieces.
                if size is not None and size > 30_000:
                    outer.reading.set()
                    outer.may_end.wait(30 * timeout_factor())
                return super().read(size)

        return File(self.data)


def begin(gallery: Gallery, key: str, blob: SlowBlob) -> threading.Thread:
    thread = threading.Thread(target=gallery.resized, args=(key, blob, 9, True))
    thread.start()
    assert blob.reading.wait(30 * timeout_factor())
    return thread


def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{GALLERY}.IMAGE_WAIT_SECONDS", 0.01)
    gallery, slow = Gallery(), SlowBlob(picture(400, 200, "BMP"))
    thread = begin(gallery, "a", slow)
    with pytest.raises(GalleryBusy):
        gallery.resized("b", Blob(slow.data), 9, True)
    slow.may_end.set()
    thread.join()
    assert gallery.resized("b", Blob(slow.data), 9, True)


def test_large_images_hold_few_workers_and_no_thumbnails(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., Any]
) -> None:
    monkeypatch.setattr(f"{GALLERY}.LARGE_IMAGE_PIXELS", 400 * 200 - 1)
    gallery, slow = Gallery(), SlowBlob(picture(400, 200, "BMP"))
    first = begin(gallery, "a", slow)
    second = threading.Thread(target=gallery.resized, args=("a", slow, 10, True))
    second.start()
    wait_until(lambda: gallery._large == 2)
    for size in (11, 12):
        with pytest.raises(GalleryBusy):
            gallery.resized("a", Blob(slow.data), size, False)
    # A small one, and a photo that is decoded at a fraction, go on beside them.
    assert gallery.resized("b", Blob(picture(40, 20)), 9, True)
    assert gallery.resized("c", Blob(picture(1600, 800)), 9, True)
    slow.may_end.set()
    first.join()
    second.join()
    assert gallery.resized("a", Blob(slow.data), 11, False)
    assert gallery._large == 0


def icon(side: int, *, is_png: bool, count: int = 1) -> bytes:
    """Return an icon whose directory says that it has 16 by 16 pixels."""
    inner = io.BytesIO()
    Image.new("1", (side, side)).save(inner, "PNG" if is_png else "DIB")
    data = inner.getvalue()
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 1, len(data), 6 + 16 * count)
    return struct.pack("<HHH", 0, 1, count) + count * entry + data


@pytest.mark.parametrize("is_png", [True, False])
def test_pixels_of_an_icon_are_counted_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch, is_png: bool
) -> None:
    small = resize(io.BytesIO(icon(64, is_png=is_png)), 16, is_cropped=False)
    assert small[1] == "image/jpeg"
    monkeypatch.setattr(limits, "MAXIMUM_IMAGE_PIXELS", 64 * 64 - 1)

    def refuse(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    with pytest.raises(NotAnImage, match="too many pixels"):
        resize(io.BytesIO(icon(64, is_png=is_png)), 16, is_cropped=False)
    with pytest.raises(NotAnImage):
        resize(io.BytesIO(icon(8, is_png=is_png, count=5000)), 16, is_cropped=False)
    with pytest.raises(NotAnImage):
        resize(io.BytesIO(icon(8, is_png=is_png)[:20]), 16, is_cropped=False)


def test_next_one_is_made_after_a_failure() -> None:
    gallery = Gallery()
    with pytest.raises(NotAnImage):
        gallery.resized("a", Blob(b"none"), 9, True)
    assert gallery.resized("a", Blob(picture(4, 4)), 9, True)


@pytest.mark.parametrize("is_cropped", [False, True])
@pytest.mark.parametrize("shape", [(3001, 2003), (2003, 3001), (801, 1), (1, 801)])
def test_photo_read_at_a_fraction_has_the_right_shape(
    shape: tuple[int, int], is_cropped: bool
) -> None:
    data, kind = resize(io.BytesIO(picture(*shape)), 100, is_cropped=is_cropped)
    ratio = 100 / max(shape)
    whole = tuple(max(1, round(side * ratio)) for side in shape)
    assert Image.open(io.BytesIO(data)).size == ((100, 100) if is_cropped else whole)
    assert kind == "image/jpeg"
