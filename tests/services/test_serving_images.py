"""Resized images are made one at a time, and the last ones kept."""

from __future__ import annotations

import io
import threading
from typing import IO

import pytest
from PIL import Image

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


def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{GALLERY}.IMAGE_WAIT_SECONDS", 0.01)
    gallery, data = Gallery(), picture(40, 20)
    inside, may_end = threading.Event(), threading.Event()

    def open_slowly() -> IO[bytes]:
        inside.set()
        may_end.wait(30 * timeout_factor())
        return io.BytesIO(data)

    thread = threading.Thread(target=gallery.resized, args=("a", open_slowly, 9, True))
    thread.start()
    assert inside.wait(30 * timeout_factor())
    with pytest.raises(GalleryBusy):
        gallery.resized("b", Blob(data), 9, True)
    may_end.set()
    thread.join()
    assert gallery.resized("b", Blob(data), 9, True)


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
