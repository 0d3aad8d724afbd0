"""This very channelshim as a wheel, for a machine that has none.

What an app was tried with is what it is deployed with, whether that is a release or a
clone with changes. No build tool and no network is needed: the package is Python and
data alone.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import channelshim.version
from channelshim.errors import ConfigurationError

PACKAGE: Final = "channelshim"

_TAG: Final = "py3-none-any"
_WHEEL: Final = f"""\
Wheel-Version: 1.0
Generator: channelshim
Root-Is-Purelib: true
Tag: {_TAG}
"""
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Of every file, so that the same files are the same bytes."""


def wheel_name() -> str:
    """Return the name of the wheel's file."""
    return f"{PACKAGE}-{channelshim.version.__version__}-{_TAG}.whl"


@functools.cache
def make_wheel() -> bytes:
    """Return the wheel; packed once, since the package stays what it is.

    Raises:
        ConfigurationError: channelshim runs from a folder and is not installed, so that
            nothing says what it needs.

    Source: the binary distribution format, packaging.python.org.
    """
    try:
        installed = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise ConfigurationError(
            "channelshim is not installed here, so that it cannot be packed: run pip "
            "install on its folder first"
        ) from None
    info = f"{PACKAGE}-{channelshim.version.__version__}.dist-info"
    files = dict(_package_files())
    files[f"{info}/METADATA"] = _metadata(installed).encode("utf-8")
    files[f"{info}/WHEEL"] = _WHEEL.encode("utf-8")
    entry_points = installed.read_text("entry_points.txt") or ""
    files[f"{info}/entry_points.txt"] = entry_points.encode("utf-8")
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(_entry(name), content)
    return stream.getvalue()


def _metadata(installed: importlib.metadata.Distribution) -> str:
    """Return what is needed and how it is called; the version is that of the code."""
    # A clone that was installed as it is may have the older name.
    text = installed.read_text("METADATA") or installed.read_text("PKG-INFO") or ""
    own = f"Version: {channelshim.version.__version__}"
    head, blank, rest = text.partition("\n\n")
    lines = [own if line.startswith("Version:") else line for line in head.splitlines()]
    return "\n".join(lines) + blank + rest


def _package_files() -> Iterator[tuple[str, bytes]]:
    folder = Path(channelshim.version.__file__).parent
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder.parent)
        if path.is_file() and "__pycache__" not in name.parts:
            yield name.as_posix(), path.read_bytes()


def _record(files: dict[str, bytes], own: str) -> bytes:
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
        lines.append(f"{name},sha256={digest.decode().rstrip('=')},{len(content)}")
    return "\n".join([*lines, f"{own},,", ""]).encode("utf-8")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
