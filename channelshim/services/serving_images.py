"""Images as get_serving_url's addresses show them: whole, resized or cropped."""

from __future__ import annotations

import io
import threading
from typing import IO, Any, Final

from PIL import Image

from channelshim import limits

# What browsers show and cameras make; others, like EPS, start programs of their own.
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO")
_TRANSPARENT: Final = ("PNG", "GIF")
_MODES: Final = {"PNG": ("L", "RGB", "LA", "RGBA"), "JPEG": ("L", "RGB")}
_TOP_SHARE: Final = 0.25

_resizing = threading.Lock()


class NotAnImage(Exception):
    """The bytes are no image that is served, or one too large."""


def image_type(file: IO[bytes]) -> str:
    """Return the content type of an image, by its bytes.

    Raises:
        NotAnImage: they are none.
    """
    kind: str = Image.MIME[_open(file).format]
    return kind


def resize(file: IO[bytes], size: int, *, is_cropped: bool) -> tuple[bytes, str]:
    """Return an image with its longer side resized, and its content type.

    One at a time, since a large one takes much memory while it is read.

    Args:
        file: the image.
        size: pixels.
        is_cropped: whether it is cut to a square first.

    Raises:
        NotAnImage: the bytes are none, or have more than
            limits.MAXIMUM_IMAGE_PIXELS.

    Source: SDK 1.9.88, blob_image.Application._transform_image.
    """
    with _resizing:
        image = _open(file)
        kind = "PNG" if image.format in _TRANSPARENT else "JPEG"
        try:
            made = _resize(_in_mode(image, kind), size, is_cropped)
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


def _resize(image: Any, size: int, is_cropped: bool) -> Any:
    if is_cropped:
        image = _square(image)
    factor = size / max(image.size)
    sides = [max(1, round(side * factor)) for side in image.size]
    return image.resize(sides, Image.Resampling.LANCZOS)


def _square(image: Any) -> Any:
    width, height = image.size
    side = min(width, height)
    left = (width - side) // 2
    # Of a portrait more is cut below: faces are above.
    top = max(0, round((height - side) / 2 - height * _TOP_SHARE))
    return image.crop((left, top, left + side, top + side))
