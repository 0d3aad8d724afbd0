"""The platform's own addresses for blobs: uploads, and images that are served."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from channelshim import limits
from channelshim.appserver.blobs.serving_images import answer_image
from channelshim.appserver.blobs.uploads import answer_upload

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def find_page(environ: WSGIEnvironment) -> Callable[..., Iterable[bytes]] | None:
    """Return what answers a request for a blob's address, or None for another one.

    It takes the environment, start_response, the request's scope, and what answers
    a request in the upload's place.
    """
    path = str(environ.get("PATH_INFO", ""))
    if path.startswith(limits.PREFIX_UPLOAD):
        return answer_upload
    if path.startswith(limits.PREFIX_IMAGE):
        return answer_image
    return None
