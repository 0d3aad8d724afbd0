"""The log as JSON: each line an object, for programs that collect logs.

Loaded only where it is asked for. `json` escapes all but ASCII, so nothing from outside
can begin a line or give orders to a terminal.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from channelshim.runtime.environment import current_variables
from channelshim.runtime.log_lines import Describe, LineHandler
from channelshim.runtime.log_ring import LONGEST_TEXT, LONGEST_TRACEBACK
from channelshim.runtime.log_text import names_of

REQUEST_ID: Final = "HTTP_X_REQUEST_ID"
TRACE: Final = "HTTP_TRACEPARENT"
"""Where the environment of a request has its names; the server has checked both."""

Fields = Mapping[str, Any]


class JsonFormatter(logging.Formatter):
    """Makes a line of a record.

    Args:
        process: which process it is; "" for the only one.
    """

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        fields: dict[str, Any] = {"place": f"{record.filename}:{record.lineno}"}
        fields.update(_request_fields(record))
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            # Its end says what was raised.
            fields["traceback"] = record.exc_text[-LONGEST_TRACEBACK:]
        try:
            message = record.getMessage()
        except Exception as error:
            # An app's own mistake must not cost its line.
            message = f"{record.msg!r} with wrong arguments: {error!r}"
        return self.line(record.created, record.levelname, record.name, message, fields)

    def line(
        self, created: float, level: str, logger: str, message: str, fields: Fields
    ) -> str:
        """Return a line, without its end.

        Args:
            created: Unix seconds.
            level: its name.
            logger: its name.
            message: cut where it is longer than LONGEST_TEXT.
            fields: what follows.
        """
        facts: dict[str, Any] = {
            "time": _time(created),
            "level": level,
            "logger": logger,
            "message": message[:LONGEST_TEXT],
        }
        if self._process:
            facts["process"] = self._process
        facts.update(fields)
        return json.dumps(facts, default=str)


def _time(created: float) -> str:
    """Return Unix seconds as RFC 3339 has them, in UTC, with milliseconds."""
    at = datetime.datetime.fromtimestamp(created, datetime.timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _request_fields(record: logging.LogRecord) -> Fields:
    """Return what names the request that a record belongs to."""
    given: Fields | None = getattr(record, "request_fields", None)
    if given is not None:
        return given
    variables = current_variables()
    if variables is None:
        return {}
    request_id = variables.get(REQUEST_ID) or variables.get("REQUEST_LOG_ID", "")
    return {
        "method": variables.get("REQUEST_METHOD", ""),
        "path": variables.get("PATH_INFO", ""),
        **names_of(request_id, variables.get(TRACE, "")),
    }


class JsonLineHandler(LineHandler):
    """Writes lines as LineHandler does, each an object.

    Args:
        formatter: makes the lines.
        name: see LineHandler.
        describe: what notes of requests are described by.
        fields_of: takes the same facts, and returns the fields of a request.
        takes_notes: see LineHandler.
    """

    has_ids: bool = True
    """Whether requests need an id; see AccessLog.new_id."""

    def __init__(
        self,
        formatter: JsonFormatter,
        *,
        name: str,
        describe: Describe,
        fields_of: Callable[..., Fields],
        takes_notes: bool = True,
    ) -> None:
        super().__init__(formatter, name=name, takes_notes=takes_notes)
        self._json = formatter
        self._describe = describe
        self._fields_of = fields_of

    def _line(self, created: float, describe: Describe, facts: tuple[Any, ...]) -> str:
        fields: Fields = {}
        try:
            message = describe(*facts)
            if describe is self._describe:
                fields = self._fields_of(*facts)
        except Exception as error:
            message = f"a line of the log could not be made: {error!r}"
        self.ring.note(created, message)
        line = self._json.line(created, "INFO", self._logger_name, message, fields)
        return f"{line}{self.terminator}"
