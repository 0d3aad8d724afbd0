"""Upload forms: the files become blobs, and the app is asked with their keys."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from channelshim import limits
from channelshim.appserver import guard
from channelshim.appserver.responses import answer
from channelshim.compat import upload_guard
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.log_text import one_line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_logger: Final = logging.getLogger("channelshim.appserver")

_STALE_KEYS = ("HTTP_CONTENT_LENGTH", "HTTP_CONTENT_MD5", "HTTP_CONTENT_TYPE")


def follows_upload(environ: WSGIEnvironment) -> bool:
    """Return whether the app is asked because an upload has been stored."""
    return upload_guard.ENVIRON_KEY in environ


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def answer_upload(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    scope: RequestScope,
    serve: WSGIApplication,
) -> Iterable[bytes]:
    """Store the files of an upload form and let the app answer.

    Args:
        environ: of the POST; its path begins with limits.PREFIX_UPLOAD.
        start_response: of the POST.
        scope: the datastore is used in it; closed here.
        serve: answers the request that the app gets instead.

    Source: SDK 1.9.88, blob_upload.Application. As there, `login:` of the handler is
        not asked: the address of the upload was the app's own to give. Any answer of
        the app is passed on, as there; older servers let redirects pass alone.
    """
    if environ["REQUEST_METHOD"] != "POST":
        return answer(
            start_response,
            HTTPStatus.METHOD_NOT_ALLOWED,
            "Files are uploaded by POST.\n",
            [("Allow", "POST")],
        )
    try:
        forwarded = scope.run(_store, environ)
    except _Refused as refused:
        return answer(start_response, refused.status, refused.sentence + "\n")
    finally:
        scope.close()
    return serve(forwarded, start_response)


def _store(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Store what was uploaded; return the environment of the app's request."""
    # Here, since it imports Google's stub, which few apps need.
    from channelshim.appserver.blobs import upload_form
    from channelshim.services import blobstore

    token = str(environ["PATH_INFO"])[len(limits.PREFIX_UPLOAD) :]
    session = blobstore.find_session(token)
    if session is None:
        raise _Refused(HTTPStatus.NOT_FOUND, "This upload address is not valid.")
    try:
        parts = upload_form.read_form(environ)
    except upload_form.FormError as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    try:
        if not upload_form.fits(
            parts, session.max_bytes_per_blob, session.max_bytes_total
        ):
            raise _Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The upload is too large."
            )
        if not blobstore.spend_session(token):
            raise _Refused(HTTPStatus.NOT_FOUND, "This upload address is not valid.")
        body, content_type, keys = _store_parts(parts)
    finally:
        for part in parts:
            part.close()
    return _forwarded(environ, session.success_path, body, content_type, keys)


def _store_parts(parts: list[Any]) -> tuple[bytes, str, tuple[str, ...]]:
    from google.appengine.api.blobstore import blobstore as google_blobstore

    from channelshim.appserver.blobs.upload_form import ForwardedForm
    from channelshim.services import blobstore

    creation = datetime.now(timezone.utc).replace(tzinfo=None)
    form = ForwardedForm(google_blobstore._format_creation(creation))
    keys: list[str] = []
    try:
        for part in parts:
            if part.file is None:
                form.add_text(part)
                continue
            blob = blobstore.store_blob(
                part.file, part.content_type, part.filename, creation
            )
            keys.append(blob.key)
            form.add_file(part, blob)
    except BaseException:
        for key in keys:
            blobstore.delete_blob(key)
        raise
    return form.finish(), form.content_type, tuple(keys)


def _forwarded(
    environ: WSGIEnvironment,
    success_path: str,
    body: bytes,
    content_type: str,
    keys: tuple[str, ...],
) -> WSGIEnvironment:
    # Only the path and the query count, as at Google.
    parts = urlsplit(success_path)
    path = unquote_to_bytes(parts.path).decode("latin-1")
    mount = str(environ.get("SCRIPT_NAME", ""))
    ready = {key: value for key, value in environ.items() if key not in _STALE_KEYS}
    ready.update(
        {
            "PATH_INFO": path.removeprefix(mount),
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            upload_guard.ENVIRON_KEY: keys,
        }
    )
    ready.pop("HTTP_TRANSFER_ENCODING", None)
    if guard.is_reserved(ready):
        _logger.error("the success path of an upload may not be %s", one_line(path))
        raise _Refused(HTTPStatus.FORBIDDEN, "An upload may not lead there.")
    return ready
