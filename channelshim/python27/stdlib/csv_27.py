"""csv: rows of text from lines of either kind."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from channelshim.python27.helpers.text import str27
from channelshim.python27.stdlib.wrapping import text_of
from channelshim.python27.strings import to_text

__all__ = ["reader", "writer", "DictReader", "DictWriter", "register_dialect"]


class reader:
    """Reads rows."""

    def __init__(self, iterable: Any, *args: Any, **named: Any) -> None:
        named = {key: text_of(value) for key, value in named.items()}
        lines = iter(iterable)
        self._real = csv.reader(map(_line, lines), *map(text_of, args), **named)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> list[Any]:
        return next(self._real)

    def next(self) -> list[Any]:
        """Return the next row."""
        return next(self._real)

    @property
    def line_num(self) -> int:
        """How many lines have been read."""
        return self._real.line_num

    @property
    def dialect(self) -> Any:
        """How the rows are written."""
        return self._real.dialect


def _line(line: Any) -> Any:
    return to_text(line) if isinstance(line, (str, bytes)) else line


class writer:
    """Writes rows."""

    def __init__(self, fileobj: Any, *args: Any, **named: Any) -> None:
        named = {key: text_of(value) for key, value in named.items()}
        if not hasattr(fileobj, "write"):
            raise TypeError('argument 1 must have a "write" method')
        self._real = csv.writer(fileobj, *map(text_of, args), **named)

    def writerow(self, row: Any) -> None:
        """Write one row."""
        self._real.writerow(list(map(_field, row)))

    def writerows(self, rows: Any) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)

    @property
    def dialect(self) -> Any:
        """How the rows are written."""
        return self._real.dialect


def _field(value: Any) -> Any:
    if isinstance(value, bytes):
        return to_text(value)
    return (
        value if value is None or isinstance(value, (str, int, float)) else str27(value)
    )


if TYPE_CHECKING:
    _DictReader = csv.DictReader[Any]
    _DictWriter = csv.DictWriter[Any]
else:
    _DictReader, _DictWriter = csv.DictReader, csv.DictWriter


class DictReader(_DictReader):
    """Reads rows as dicts."""

    def __init__(
        self,
        f: Any,
        fieldnames: Any = None,
        restkey: Any = None,
        restval: Any = None,
        dialect: Any = "excel",
        *args: Any,
        **named: Any,
    ) -> None:
        super().__init__([], fieldnames, restkey, restval)
        self.reader: Any = reader(f, dialect, *args, **named)
        self.dialect = dialect

    def next(self) -> Any:
        """Return the next row."""
        return self.__next__()


class DictWriter(_DictWriter):
    """Writes dicts as rows."""

    def __init__(
        self,
        f: Any,
        fieldnames: Any,
        restval: Any = "",
        extrasaction: Any = "raise",
        dialect: Any = "excel",
        *args: Any,
        **named: Any,
    ) -> None:
        import io

        super().__init__(io.StringIO(), fieldnames, restval, extrasaction)
        self.writer: Any = writer(f, dialect, *args, **named)


def register_dialect(name: Any, *args: Any, **named: Any) -> None:
    """Name a way of writing rows."""
    named = {key: text_of(value) for key, value in named.items()}
    csv.register_dialect(to_text(name), *args, **named)
