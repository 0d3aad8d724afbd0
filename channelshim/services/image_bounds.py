"""How large the images in an icon file are, known before anything is decoded.

Pillow decodes an icon as soon as it is opened, and its directory may say of the sizes
whatever it likes. All other formats are decoded later, and in the size that they say.
"""

from __future__ import annotations

import struct
from typing import IO, Any, Final

MAXIMUM_ICONS: Final = 256
"""Images in one icon file; browsers' have a dozen."""

_DIRECTORY: Final = struct.Struct("<HHH")
_ENTRY: Final = struct.Struct("<8xII")
_ICON: Final = b"\0\0\1\0"
_PNG: Final = b"\x89PNG\r\n\x1a\n"


def icon_pixels(file: IO[bytes]) -> int:
    """Return the pixels of the largest image in an icon file; 0 for any other file.

    Args:
        file: at its beginning, and there again afterwards.

    Raises:
        OSError, ValueError, SyntaxError, Image.DecompressionBombError: it is damaged.
    """
    try:
        if file.read(len(_ICON)) != _ICON:
            return 0
        file.seek(0)
        _, _, icons = _read(file, _DIRECTORY)
        if icons > MAXIMUM_ICONS:
            raise ValueError("it holds too many icons")
        offsets = [_read(file, _ENTRY)[1] for _ in range(icons)]
        return max((_pixels_at(file, offset) for offset in offsets), default=0)
    finally:
        file.seek(0)


def _pixels_at(file: IO[bytes], offset: int) -> int:
    from PIL import BmpImagePlugin, PngImagePlugin

    file.seek(offset)
    is_png = file.read(len(_PNG)) == _PNG
    file.seek(offset)
    # They read what comes before the pixels, and nothing else.
    kind: Any = PngImagePlugin.PngImageFile
    icon = (kind if is_png else BmpImagePlugin.DibImageFile)(file)
    pixels: int = icon.width * icon.height
    return pixels


def _read(file: IO[bytes], form: struct.Struct) -> tuple[int, ...]:
    data = file.read(form.size)
    if len(data) < form.size:
        raise ValueError("its directory is cut short")
    return form.unpack(data)
