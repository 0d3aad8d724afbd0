"""Images as get_serving_url's addresses show them: whole, resized or cropped."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from PIL import Image

from channelshim import limits
from channelshim.services.image_bounds import icon_pixels

IMAGE_WAIT_SECONDS: Final = 10.0
"""How long a request waits for others' images to be resized before it is 503."""

LARGE_IMAGE_PIXELS: Final = 4_000_000
"""To decode so many takes some 0.2 s of a processor."""

LARGE_IMAGES_WAITING: Final = 1
"""Requests for large images that wait for another; the next ones are 503 at once. Each
waits in a worker, which others need."""

SERVED_IMAGES_BYTES: Final = 16 << 20
"""Of resized images that are kept, so that a page of thumbnails costs once."""

# What browsers show and cameras make; others, like EPS, start programs of their own.
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO")
_TRANSPARENT: Final = ("PNG", "GIF")
_MODES: Final = {"PNG": ("L", "RGB", "LA", "RGBA"), "JPEG": ("L", "RGB")}
_TOP_SHARE: Final = 0.25


class NotAnImage(Exception):
    """The bytes are not an image that can be served, or too large a one."""


class GalleryBusy(Exception):
    """Too many images are asked for at once."""


def image_type(file: IO[bytes]) -> str:
    """Return the content type of an image, by its bytes.

    Raises:
        NotAnImage: they are none.
    """
    kind: str = Image.MIME[_open(file)[0].format]
    return kind


class Gallery:
    """Resized images, the last ones kept. Any thread.

    One is made at a time, since a large one takes much memory while it is read, and
    beside it a small one, so that a page of thumbnails waits for no large image.
    """

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._making_large = threading.Lock()
        # Large ones that are made or wait.
        self._large = 0
        self._changing = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, bool], tuple[bytes, str]] = (
            OrderedDict()
        )

    def resized(
        self, key: str, open_file: Callable[[], IO[bytes]], size: int, is_cropped: bool
    ) -> tuple[bytes, str]:
        """Return an image with its longer side resized, and its content type.

        Args:
            key: of the blob, which never changes.
            open_file: opens the blob.
            size: pixels.
            is_cropped: whether it is cut to a square first.

        Raises:
            NotAnImage: the bytes are none, or have more than
                limits.MAXIMUM_IMAGE_PIXELS.
            GalleryBusy: others were made for IMAGE_WAIT_SECONDS, or too many large
                ones are asked for.
        """
        name = (key, size, is_cropped)
        cached = self._find(name)
        if cached is not None:
            return cached
        with open_file() as file:
            opened = _prepare(file, size)
            is_large = opened.pixels > LARGE_IMAGE_PIXELS
            with self._large_turn() if is_large else self._turn():
                made = self._find(name) or _resize(opened, size, is_cropped=is_cropped)
        self._keep(name, made)
        return made

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._making.acquire(timeout=IMAGE_WAIT_SECONDS):
            raise GalleryBusy
        try:
            yield
        finally:
            self._making.release()

    @contextmanager
    def _large_turn(self) -> Iterator[None]:
        with self._changing:
            if self._large > LARGE_IMAGES_WAITING:
                raise GalleryBusy
            self._large += 1
        try:
            if not self._making_large.acquire(timeout=IMAGE_WAIT_SECONDS):
                raise GalleryBusy
            try:
                yield
            finally:
                self._making_large.release()
        finally:
            with self._changing:
                self._large -= 1

    def _find(self, name: tuple[str, int, bool]) -> tuple[bytes, str] | None:
        with self._changing:
            cached = self._kept.get(name)
            if cached is not None:
                self._kept.move_to_end(name)
        return cached

    def _keep(self, name: tuple[str, int, bool], image: tuple[bytes, str]) -> None:
        with self._changing:
            self._kept[name] = image
            self._kept.move_to_end(name)
            total = sum(len(data) for data, _ in self._kept.values())
            while total > SERVED_IMAGES_BYTES:
                total -= len(self._kept.popitem(last=False)[1][0])


gallery: Final = Gallery()
"""This process's."""


def resize(file: IO[bytes], size: int, *, is_cropped: bool) -> tuple[bytes, str]:
    """Return an image with its longer side resized, and its content type.

    Args:
        file: the image.
        size: pixels.
        is_cropped: whether it is cut to a square first.

    Raises:
        NotAnImage: the bytes are none, or have more than
            limits.MAXIMUM_IMAGE_PIXELS.

    Source: SDK 1.9.88, blob_image.Application._transform_image.
    """
    return _resize(_prepare(file, size), size, is_cropped=is_cropped)


@dataclass(frozen=True, slots=True)
class _Opened:
    """An image to be resized: Pillow's, its own shape, and the pixels to decode."""

    image: Any
    shape: tuple[int, int]
    pixels: int


def _prepare(file: IO[bytes], size: int) -> _Opened:
    image, pixels = _open(file)
    shape = image.size
    try:
        # A photo is read at a fraction of its size when that will do.
        image.draft(image.mode, (size, size))
    except (OSError, ValueError, SyntaxError) as error:
        raise NotAnImage(str(error)) from error
    if image.size != shape:
        pixels = image.width * image.height
    return _Opened(image, shape, pixels)


def _resize(opened: _Opened, size: int, *, is_cropped: bool) -> tuple[bytes, str]:
    image = opened.image
    kind = "PNG" if image.format in _TRANSPARENT else "JPEG"
    sides = _sides((1, 1) if is_cropped else opened.shape, size)
    try:
        whole = _in_mode(image, kind)
        made = (_square(whole) if is_cropped else whole).resize(
            sides, Image.Resampling.LANCZOS
        )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAnImage(str(error)) from error
    data = io.BytesIO()
    made.save(data, kind)
    return data.getvalue(), f"image/{kind}".lower()


def _open(file: IO[bytes]) -> tuple[Any, int]:
    """Open an image; return it, and how many pixels are decoded for it."""
    most = limits.MAXIMUM_IMAGE_PIXELS
    try:
        pixels = icon_pixels(file)
        if pixels > most:
            raise NotAnImage("it has too many pixels")
        image = Image.open(file, formats=_FORMATS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAnImage(str(error)) from error
    pixels = max(pixels, image.width * image.height)
    if pixels > most:
        raise NotAnImage("it has too many pixels")
    return image, pixels


def _in_mode(image: Any, kind: str) -> Any:
    if image.mode in _MODES[kind]:
        image.load()
        return image
    return image.convert("RGBA" if kind == "PNG" else "RGB")


def _sides(shape: tuple[int, int], size: int) -> tuple[int, int]:
    width, height = (max(1, round(side * size / max(shape))) for side in shape)
    return width, height


def _square(image: Any) -> Any:
    width, height = image.size
    side = min(width, height)
    left = (width - side) // 2
    # Of a portrait more is cut below: faces are above.
    top = max(0, round((height - side) / 2 - height * _TOP_SHARE))
    return image.crop((left, top, left + side, top + side))
