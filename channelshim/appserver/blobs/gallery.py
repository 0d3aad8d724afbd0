"""Images as get_serving_url's addresses show them: whole, resized or cropped."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any, Final

from PIL import Image

from channelshim import limits

IMAGE_WAIT_SECONDS: Final = 10.0
"""How long a request waits for others' images to be resized before it is 503."""

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
    kind: str = Image.MIME[_open(file).format]
    return kind


class Gallery:
    """Resized images, the last ones kept. Any thread.

    One is made at a time, since a large one takes much memory while it is read.
    """

    def __init__(self) -> None:
        self._making = threading.Lock()
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
            GalleryBusy: others were made for IMAGE_WAIT_SECONDS.
        """
        name = (key, size, is_cropped)
        cached = self._find(name)
        if cached is not None:
            return cached
        if not self._making.acquire(timeout=IMAGE_WAIT_SECONDS):
            raise GalleryBusy
        try:
            with open_file() as file:
                resized_image = self._find(name) or resize(
                    file, size, is_cropped=is_cropped
                )
        finally:
            self._making.release()
        self._keep(name, resized_image)
        return resized_image

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
    image = _open(file)
    kind = "PNG" if image.format in _TRANSPARENT else "JPEG"
    sides = _sides((1, 1) if is_cropped else image.size, size)
    try:
        # A photo is read at a fraction of its size when that will do.
        image.draft(image.mode, (size, size))
        whole = _in_mode(image, kind)
        made = (_square(whole) if is_cropped else whole).resize(
            sides, Image.Resampling.LANCZOS
        )
    except (OSError, ValueError, SyntaxError) as error:
        raise NotAnImage(str(error)) from error
    data = io.BytesIO()
    made.save(data, kind)
    return data.getvalue(), f"image/{kind}".lower()


def _open(file: IO[bytes]) -> Any:
    try:
        image = Image.open(file, formats=_FORMATS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAnImage(str(error)) from error
    if image.width * image.height > limits.MAXIMUM_IMAGE_PIXELS:
        raise NotAnImage("it has too many pixels")
    return image


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
