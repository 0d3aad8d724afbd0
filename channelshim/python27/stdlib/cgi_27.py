"""cgi: forms as strings, and the escape that Python 3.8 dropped."""

from __future__ import annotations

import cgi
import sys
from typing import Any, Final

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib.urlparse_27 import parse_qs as parse_qs
from channelshim.python27.stdlib.urlparse_27 import parse_qsl as parse_qsl
from channelshim.python27.strings import NativeStr, native, to_bytes, to_text

__all__ = [
    *("escape", "parse_qs", "parse_qsl", "parse", "parse_header", "FieldStorage"),
    *("MiniFieldStorage", "FormContentDict", "SvFormContentDict", "print_environ"),
    "valid_boundary",
]

MiniFieldStorage = cgi.MiniFieldStorage
_PLACES_OF_27: Final = 6
"""How many arguments FieldStorage took by place in 2.7, after the file."""


def escape(s: Any, quote: Any = None) -> Any:
    """Write a string for HTML."""
    s = s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return s.replace('"', "&quot;") if quote else s


def parse_header(line: Any) -> tuple[str, dict[str, str]]:
    """Return a header's value and its parameters."""
    return cgi.parse_header(to_text(line))


def valid_boundary(s: Any, _vb_pattern: Any = None) -> Any:
    """Tell whether a boundary is one."""
    return cgi.valid_boundary(to_bytes(s))  # type: ignore[attr-defined]


class FieldStorage(cgi.FieldStorage):
    """A form; the values are strings, those of files are bytes."""

    def __init__(self, fp: Any = None, *args: Any, **named: Any) -> None:
        places = list(args)
        if len(places) <= _PLACES_OF_27:
            named.setdefault("encoding", "utf-8")
            named.setdefault("errors", "surrogateescape")
            if len(places) == _PLACES_OF_27:
                named["max_num_fields"] = places.pop()
        # Otherwise Python 3's own class makes one for a part of the form.
        if len(places) > 1:
            places[1] = to_bytes(places[1])
        elif "outerboundary" in named:
            named["outerboundary"] = to_bytes(named["outerboundary"])
        file = plain_file(_binary_stdin() if fp is None else fp)
        super().__init__(file, *places, **named)

    def __del__(self) -> None:
        """Leave the file open: `form['f'].file.read()` needs it after the field."""

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)  # type: ignore[misc]
        if name == "value" and isinstance(value, bytes):
            return NativeStr(value) if self.filename else native(value)
        return value

    def getvalue(self, key: Any, default: Any = None) -> Any:
        """Return a field's value, or the list of its values."""
        if key not in self:
            return default
        found = self[key]
        if isinstance(found, list):
            return [field.value for field in found]
        return found.value

    def getfirst(self, key: Any, default: Any = None) -> Any:
        """Return a field's first value."""
        values = self.getlist(key)
        return values[0] if values else default

    def getlist(self, key: Any) -> list[Any]:
        """Return a field's values."""
        if key not in self:
            return []
        found = self[key]
        return [each.value for each in (found if isinstance(found, list) else [found])]

    def has_key(self, key: Any) -> bool:
        """Tell whether there is such a field."""
        return key in self


def _binary_stdin() -> Any:
    return getattr(sys.stdin, "buffer", sys.stdin)


def parse(
    fp: Any = None,
    environ: Any = None,
    keep_blank_values: Any = 0,
    strict_parsing: Any = 0,
) -> dict[Any, list[Any]]:
    """Return a form as names, each with its values."""
    import os

    environ = os.environ if environ is None else environ
    form = FieldStorage(
        fp,
        environ=environ,
        keep_blank_values=keep_blank_values,
        strict_parsing=strict_parsing,
    )
    return {key: form.getlist(key) for key in form}


class FormContentDict(dict[Any, Any]):
    """A form as a mapping from names to lists of values."""

    def __init__(self, environ: Any = None, **named: Any) -> None:
        super().__init__(parse(environ=environ, **named))

    def has_key(self, key: Any) -> bool:
        """Tell whether there is such a field."""
        return key in self


class SvFormContentDict(FormContentDict):
    """A form as a mapping from names to single values."""

    def __getitem__(self, key: Any) -> Any:
        values = super().__getitem__(key)
        if len(values) > 1:
            raise IndexError("expecting a single value")
        return values[0]


def print_environ(environ: Any = None) -> None:
    """Write the environment as HTML."""
    cgi.print_environ(environ) if environ is not None else cgi.print_environ()
