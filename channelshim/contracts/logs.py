"""The latest requests and lines of the log, for the pages that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log.

    Attributes:
        number: of the line; later lines have higher ones.
        at: Unix seconds.
        level: as of the module logging: 20 for INFO, 40 for ERROR.
        logger: who has written it.
        text: the message.
        traceback: of the exception that was logged with it, or "".
        error: the name of that exception's class and its text, or "".
        request: the id of the request that wrote it, or "".
        target: method, path and query of that request, or "".
    """

    number: int
    at: float
    level: int
    logger: str
    text: str
    traceback: str = ""
    error: str = ""
    request: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request that was answered.

    Attributes:
        number: in one series with the numbers of lines.
        at: Unix seconds at which its answer began.
        address: of the client.
        method: as it came.
        target: path and query, without what must not stand in a log.
        status: of the answer.
    """

    number: int
    at: float
    address: str
    method: str
    target: str
    status: int


class Logs(Protocol):
    """A bounded number of the latest requests and lines. Any thread."""

    def lines(self, after: int = 0) -> Sequence[LogLine]:
        """Return the lines with higher numbers than `after`, oldest first."""

    def warnings(self) -> Sequence[LogLine]:
        """Return the lines of warnings and worse, oldest first.

        They are kept from the start on, and others need not be because of this.
        """

    def requests(self, after: int = 0) -> Sequence[LoggedRequest]:
        """Return the requests with higher numbers than `after`, oldest first."""
