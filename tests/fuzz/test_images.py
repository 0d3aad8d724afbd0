"""Image files: known or refused by their heads, without much memory."""

from __future__ import annotations

import io
import warnings

from channelshim import limits
from channelshim.appserver.blobs import gallery
from channelshim.services import image_bounds
from tests.fuzz.fuzzing import Fuzz, fuzzed

SIZES = [
    number.to_bytes(4, order)
    for number in (0, 1, 65535, 1 << 24)
    for order in ("big", "little")
]

KINDS = frozenset(
    "image/png image/jpeg image/gif image/webp image/bmp image/tiff image/x-icon"
    " image/vnd.microsoft.icon".split()
)


@fuzzed("images", 150)
def test_any_file_is_an_image_or_refused(fuzz: Fuzz) -> None:
    def claim(data: bytes) -> None:
        file = io.BytesIO(data)
        with warnings.catch_warnings():
            # Pillow's, of files that are damaged.
            warnings.simplefilter("ignore")
            try:
                kind = gallery.image_type(file)
            except gallery.NotAnImage:
                return
            assert kind in KINDS
            pixels = image_bounds.icon_pixels(io.BytesIO(data))
            # An icon counts as what its directory's images are, not as what it says.
            assert pixels <= limits.MAXIMUM_IMAGE_PIXELS

    # An icon of as many pixels as may be is decoded when it is opened.
    fuzz.check(claim, words=SIZES, megabytes=512)
