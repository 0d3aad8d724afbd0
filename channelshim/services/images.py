"""The service `images`: Google's stub, which works on Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import IO, Any

from channelshim import limits
from channelshim.services.image_bounds import icon_pixels
from channelshim.services.user import RequestInfo


def make_images_service() -> Any:
    """Return the stub; importing what it needs costs 40 MB."""
    from PIL import Image

    # Pillow 10 dropped the old name of the filter, which the SDK's stub uses.
    if not hasattr(Image, "ANTIALIAS"):
        Image.ANTIALIAS = Image.Resampling.LANCZOS  # type: ignore[attr-defined]
    from google.appengine.api.images import images_service_pb2, images_stub
    from google.appengine.runtime import apiproxy_errors

    from channelshim.services import blobstore

    error = images_service_pb2.ImagesServiceError

    def bounded(file: IO[bytes], open_image: Callable[[], Any]) -> Any:
        most = limits.MAXIMUM_IMAGE_PIXELS
        try:
            image = open_image() if icon_pixels(file) <= most else None
        except Image.DecompressionBombError:
            image = None
        except (OSError, ValueError, SyntaxError) as damage:
            raise apiproxy_errors.ApplicationError(error.BAD_IMAGE_DATA) from damage
        if image is None or image.width * image.height > most:
            raise apiproxy_errors.ApplicationError(error.IMAGE_TOO_LARGE)
        return image

    # EXIF's orientations that exchange width and height.
    turns = {
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }

    class ImagesService(images_stub.ImagesServiceStub):  # type: ignore[misc]
        """Google's, corrected: it gives addresses without the server's name, cuts off
        what a quarter turn puts outside, since Pillow no longer makes room, and
        decodes images of any size."""

        def _OpenImage(self, image: Any) -> Any:
            open_image = partial(super()._OpenImage, image)
            return bounded(io.BytesIO(image), open_image)

        def _OpenBlob(self, blob_key: Any) -> Any:
            open_image = partial(super()._OpenBlob, blob_key)
            try:
                file = blobstore.open_blob(blob_key)
            except OSError:
                # What it says of a blob that is not there.
                return open_image()
            with file:
                return bounded(file, open_image)

        def _Rotate(self, image: Any, transform: Any) -> Any:
            if transform.rotate < 0 or transform.rotate % 90:
                return super()._Rotate(image, transform)
            return image.rotate(-transform.rotate, expand=True)

        def _CorrectOrientation(self, image: Any, orientation: int) -> Any:
            turn = turns.get(orientation)
            if turn is None:
                return super()._CorrectOrientation(image, orientation)
            return image.transpose(turn)

        def _Dynamic_GetUrlBase(self, request: Any, response: Any) -> None:
            super()._Dynamic_GetUrlBase(request, response)
            scheme, _, rest = RequestInfo().get_request_url("").partition("://")
            response.url = f"{scheme}://{rest.partition('/')[0]}{response.url}"

    return ImagesService()
