"""The images behind the addresses that images.get_serving_url gives.

Source: SDK 1.9.88, blob_image.Application.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim import limits
from channelshim.appserver.responses import answer
from channelshim.runtime.environment import RequestScope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


_PATH: Final = re.compile(
    re.escape(limits.PREFIX_IMAGE) + r"([\w:-]{1,500}={0,2})(?:=s(\d{1,4})(-c)?)?",
    re.ASCII,
)


def answer_image(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    scope: RequestScope,
    _: object,
) -> Iterable[bytes]:
    """Answer with the image of a blob for which the app asked an address.

    Args:
        environ: of the request.
        start_response: of the request.
        scope: the datastore is used in it; closed here.
    """
    method = environ["REQUEST_METHOD"]
    if method not in ("GET", "HEAD"):
        status = HTTPStatus.METHOD_NOT_ALLOWED
        return answer(
            start_response, status, "Images are read.\n", [("Allow", "GET, HEAD")]
        )
    match = _PATH.fullmatch(str(environ["PATH_INFO"]))
    size = int(match[2] or 0) if match is not None else 0
    if match is None or size > limits.MAXIMUM_SERVED_IMAGE_SIDE:
        return answer(start_response, HTTPStatus.BAD_REQUEST, "No such image.\n")
    try:
        status, data, kind = scope.run(_find, match[1], size, match[3] is not None)
    finally:
        scope.close()
    headers: list[tuple[str, str]] = []
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "1"))
    if status is HTTPStatus.OK:
        headers.append(("Cache-Control", "public, max-age=600, no-transform"))
    body = answer(start_response, status, data, headers, kind)
    return [] if method == "HEAD" else body


def _find(key: str, size: int, is_cropped: bool) -> tuple[HTTPStatus, bytes, str]:
    # Here, since they import Google's stub and Pillow, which few apps need.
    from channelshim.appserver.blobs import gallery as serving_images
    from channelshim.services import blobstore

    if not blobstore.has_serving_url(key) or blobstore.blob_facts(key) is None:
        return HTTPStatus.NOT_FOUND, b"No such image.\n", "text/plain"
    try:
        if size:
            made = serving_images.gallery.resized(
                key, partial(blobstore.open_blob, key), size, is_cropped
            )
            return HTTPStatus.OK, *made
        with blobstore.open_blob(key) as file:
            kind = serving_images.image_type(file)
            file.seek(0)
            # At most what one request has uploaded.
            return HTTPStatus.OK, file.read(), kind
    except serving_images.NotAnImage:
        return HTTPStatus.BAD_REQUEST, b"This is no image.\n", "text/plain"
    except serving_images.GalleryBusy:
        return HTTPStatus.SERVICE_UNAVAILABLE, b"Too many images.\n", "text/plain"
