"""mimetools: mails of several parts, as the oldest programs read them."""

from __future__ import annotations

import base64
import os
import quopri
import socket
import time
from email.utils import unquote
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib import rfc822_27

__all__ = [
    *("Message", "choose_boundary", "encode", "decode", "copyliteral"),
    "copybinary",
]


class Message(rfc822_27.Message):
    """Headers that say what kind of content follows."""

    def __init__(self, fp: Any, seekable: Any = 1) -> None:
        super().__init__(fp, seekable)
        self.encodingheader: str | None = self.getheader("content-transfer-encoding")
        self.typeheader: str | None = self.getheader("content-type")
        head, *parameters = (self.typeheader or "text/plain").split(";")
        self.type: str = head.strip().lower()
        main, _, sub = self.type.partition("/")
        self.maintype: str = main
        self.subtype: str = sub
        self.plist: list[str] = [part.strip() for part in parameters]
        self.plisttext: str = ";" + ";".join(parameters) if parameters else ""

    def getparam(self, name: Any) -> Any:
        """Return a parameter of the kind of content."""
        for part in self.plist:
            key, _, value = part.partition("=")
            if key.strip().lower() == name.lower():
                return unquote(value.strip())
        return None

    def getparamnames(self) -> list[str]:
        """Return the parameters' names."""
        return [part.partition("=")[0].strip().lower() for part in self.plist]

    def getencoding(self) -> str:
        """Return how the content is encoded."""
        return "7bit" if self.encodingheader is None else self.encodingheader.lower()

    def gettype(self) -> str:
        """Return the kind of content."""
        return self.type

    def getmaintype(self) -> str:
        """Return the kind of content, up to the slash."""
        return self.maintype

    def getsubtype(self) -> str:
        """Return the kind of content, after the slash."""
        return self.subtype


_made = 0


def choose_boundary() -> str:
    """Return a line that stands in no content."""
    global _made
    _made += 1
    host = socket.gethostname()
    return f"{host}.{os.getuid()}.{os.getpid()}.{time.time():.3f}.{_made}"


def decode(input: Any, output: Any, encoding: Any) -> None:
    """Decode a file into another."""
    if encoding == "base64":
        base64.decode(plain_file(input), plain_file(output))
    elif encoding == "quoted-printable":
        quopri.decode(plain_file(input), plain_file(output))
    elif encoding in ("7bit", "8bit"):
        output.write(input.read())
    else:
        raise ValueError(f"unknown Content-Transfer-Encoding: {encoding}")


def encode(input: Any, output: Any, encoding: Any) -> None:
    """Encode a file into another."""
    if encoding == "base64":
        base64.encode(plain_file(input), plain_file(output))
    elif encoding == "quoted-printable":
        quopri.encode(plain_file(input), plain_file(output), False)
    elif encoding in ("7bit", "8bit"):
        output.write(input.read())
    else:
        raise ValueError(f"unknown Content-Transfer-Encoding: {encoding}")


def copyliteral(input: Any, output: Any) -> None:
    """Copy a file into another."""
    while line := input.readline():
        output.write(line)


def copybinary(input: Any, output: Any) -> None:
    """Copy a file into another."""
    while block := input.read(8192):
        output.write(block)
