"""An upload form read, and the form that the app gets instead of it.

Source: SDK 1.9.88, blob_upload.Application.store_and_build_forward_message.
"""

from __future__ import annotations

import base64
import io
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from channelshim import limits
from channelshim.appserver import form_bounds
from channelshim.services.blobstore import StoredBlob

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BOUNDARY_BYTES: Final = 24
_MALFORMED: Final = (ValueError, TypeError, LookupError, AttributeError)
"""What the standard library's parser raises for headers that make no sense."""
_QUOTED: Final = {"\\": "\\\\", '"': '\\"', "\r": "%0D", "\n": "%0A", "\0": "%00"}


class FormError(Exception):
    """The form cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of the form.

    Attributes:
        name: of the field.
        text: of a field that is no file.
        file: its bytes; None for a field that is no file.
        filename: as the visitor's machine has it.
        content_type: with its parameters.
        size: bytes of the file.
        keeper: closes the file when it is forgotten.
    """

    name: str
    text: bytes = b""
    file: IO[bytes] | None = field(default=None, compare=False)
    filename: str = ""
    content_type: str = ""
    size: int = 0
    keeper: object = field(default=None, compare=False, repr=False)

    def close(self) -> None:
        """Give up the file."""
        if self.file is not None:
            self.file.close()


def read_form(environ: WSGIEnvironment) -> list[Part]:
    """Return the fields of a form; files are on disk, not in memory.

    A file field that was left empty is left out.

    Raises:
        FormError: no form, or one that is cut short or malformed.
    """
    from webob.compat import cgi_FieldStorage

    try:
        form = cgi_FieldStorage(
            fp=environ["wsgi.input"],
            # The query is not part of the form.
            environ={**environ, "QUERY_STRING": ""},
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=form_bounds.MAXIMUM_UPLOAD_FIELDS,
        )
    except _MALFORMED as error:
        raise FormError("The form cannot be read.") from error
    if form.list is None:
        raise FormError("An upload must be a form.")
    # 1 says that the boundary of the whole came behind it.
    if form.list and getattr(form.list[-1], "done", 1) != 1:
        raise FormError("The form is cut short.")
    try:
        return [_part(item) for item in form.list if item.filename != ""]
    except FormError:
        _close(form.list)
        raise
    except _MALFORMED as error:
        # Headers are read when they are asked for.
        _close(form.list)
        raise FormError("The form cannot be read.") from error
    finally:
        # What has been read to its end, or is left out.
        _close(item for item in form.list if not item.filename)


def _close(items: Iterable[Any]) -> None:
    for item in items:
        if item.file is not None:
            item.file.close()


def fits(parts: Iterable[Part], per_file: int | None, in_total: int | None) -> bool:
    """Return whether the files are within what create_upload_url was told.

    Args:
        parts: of the form.
        per_file: bytes, or None for no bound.
        in_total: bytes of all files, or None for no bound.
    """
    sizes = [part.size for part in parts]
    return (per_file is None or max(sizes, default=0) <= per_file) and (
        in_total is None or sum(sizes) <= in_total
    )


def _part(item: Any) -> Part:
    if getattr(item, "list", None) is not None:
        raise FormError("A form within a form is not supported.")
    name, filename = item.name or "", item.filename or ""
    if re.search("[\ud800-\udfff]", name + filename):
        raise FormError("The names in the form are not UTF-8.")
    if item.filename is None:
        value = item.value
        text = value if isinstance(value, bytes) else _encode(value)
        return Part(name, text)
    content_type = _content_type(item)
    for what, value in (("filename", filename), ("Content-Type", content_type)):
        if len(value) > limits.MAXIMUM_UPLOAD_NAME_LENGTH:
            raise FormError(
                f"The {what} exceeds the maximum allowed length of "
                f"{limits.MAXIMUM_UPLOAD_NAME_LENGTH}."
            )
    file = _file(item)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return Part(name, b"", file, filename, content_type, size, keeper=item)


def _content_type(item: Any) -> str:
    kind = item.type or "application/octet-stream"
    if not _TYPE.fullmatch(kind):
        raise FormError("A file's Content-Type is malformed.")
    parameters = [
        f'; {_quote(key)}="{_quote(value)}"' for key, value in item.type_options.items()
    ]
    whole = kind + "".join(parameters)
    if not whole.isascii() or not whole.isprintable():
        raise FormError("A file's Content-Type is malformed.")
    return str(whole)


def _file(item: Any) -> IO[bytes]:
    file: IO[bytes] = item.file
    if str(item.headers.get("content-transfer-encoding", "")).lower() != "base64":
        return file
    try:
        return io.BytesIO(base64.urlsafe_b64decode(file.read()))
    except ValueError as error:
        raise FormError(
            "A file is marked as base64 but is not valid base64."
        ) from error


class ForwardedForm:
    """The form that the app reads: texts as they came, for a file its blob's key.

    Args:
        creation: of the blobs, as Google's header for it has it.
    """

    def __init__(self, creation: str) -> None:
        self._creation = creation
        # Nobody can guess it, so no text can end its part and begin one of its own.
        self._boundary = f"=={secrets.token_hex(_BOUNDARY_BYTES)}=="
        self._body = io.BytesIO()

    @property
    def content_type(self) -> str:
        """The header of the whole."""
        return f'multipart/form-data; boundary="{self._boundary}"'

    def add_text(self, part: Part) -> None:
        """Add a field that is not a file."""
        self._add([("Content-Type", "text/plain"), _disposition(part)], part.text)

    def add_file(self, part: Part, blob: StoredBlob) -> None:
        """Add a file that has become a blob."""
        # Google's Content-MD5: the hexadecimal text, not the hash, in base64.
        md5 = base64.urlsafe_b64encode(blob.md5.encode("ascii")).decode("ascii")
        facts = [
            ("Content-Type", part.content_type),
            ("Content-Length", str(blob.size)),
            ("X-AppEngine-Upload-Creation", self._creation),
            ("Content-MD5", md5),
            _disposition(part),
        ]
        reference = (
            "message/external-body; "
            f'blob-key="{blob.key}"; access-type="X-AppEngine-BlobKey"'
        )
        self._add(
            [("Content-Type", reference), _disposition(part)], _headers(facts) + b"\r\n"
        )

    def finish(self) -> bytes:
        """Return the body; call it once."""
        return self._body.getvalue() + f"--{self._boundary}--\r\n".encode()

    def _add(self, headers: list[tuple[str, str]], payload: bytes) -> None:
        self._body.write(f"--{self._boundary}\r\n".encode())
        self._body.write(_headers(headers) + b"\r\n" + payload + b"\r\n")


def _disposition(part: Part) -> tuple[str, str]:
    value = f'form-data; name="{_quote(part.name)}"'
    if part.file is not None:
        value += f'; filename="{_quote(part.filename)}"'
    return "Content-Disposition", value


def _headers(headers: list[tuple[str, str]]) -> bytes:
    return b"".join(_encode(f"{name}: {value}\r\n") for name, value in headers)


def _quote(value: str) -> str:
    # Before a quote the standard library's parser takes no backslash for itself.
    value = re.sub(r'\\(?="|\Z)', "%5C", value)
    return "".join(_QUOTED.get(character, character) for character in value)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
