"""What the person at the terminal sees: coloured there, plain in a file or a pipe."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import IO, Any, Final

import click

from channelshim.errors import ChannelShimError, ConfigurationError

_FORMAT: Final = "%(levelname)-8s %(asctime)s %(place)s] %(request)s%(message)s"

_OWN_LOGGERS: Final = ("channelshim",)

_LEVEL_COLOURS: Final = {
    "DEBUG": "bright_black",
    "INFO": "cyan",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "red",
}
_STATUS_COLOURS: Final = {"2": "green", "3": "cyan", "4": "yellow", "5": "red"}

_HEAD: Final = re.compile(r"\A(\w+)( +[^\]]*\])")
_STATUS: Final = re.compile(r"(?<=\" )([2345])\d\d(?=( [\d-]+ [\d.]+ms)?\Z)")
_ADDRESS: Final = re.compile(r"https?://\S+")


def is_coloured(stream: IO[Any]) -> bool:
    """Return whether to write colours to a stream: a terminal that takes them.

    NO_COLOR (https://no-color.org) and TERM=dumb say no.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def say(line: str) -> None:
    """Print a line to standard output; an address in it stands out."""

    def stand_out(address: re.Match[str]) -> str:
        return click.style(address[0], fg="green", bold=True)

    click.echo(_ADDRESS.sub(stand_out, line), color=is_coloured(sys.stdout))


def complain(sentence: str, name: str = "", report: str = "") -> None:
    """Print to standard error what somebody should do something about.

    Args:
        sentence: what is wrong and what to do.
        name: of the program; stands before the sentence.
        report: what stands above both, the app's own traceback.
    """
    line = click.style(f"{name}: " if name else "", bold=True)
    click.echo(
        f"{report}{line}{click.style(sentence, fg='red')}",
        err=True,
        color=is_coloured(sys.stderr),
    )


def warn(sentence: str, name: str) -> None:
    """Print to standard error what has no effect, or only half."""
    line = f"{click.style(f'{name}: ', bold=True)}{click.style(sentence, fg='yellow')}"
    click.echo(line, err=True, color=is_coloured(sys.stderr))


class LineFormatter(logging.Formatter):
    """Writes a record in one line: level, time, place, request and message.

    The place is `file.py:line`, as the old server wrote it; the server's own lines have
    their logger's name.

    What a record holds may come from outside: it can neither begin a record of its own
    nor give orders to the terminal.

    Args:
        has_colours: whether level and status are coloured, and the rest of the head
            steps back.
        process: stands before the place: which process it is, with a blank.
    """

    def __init__(self, *, has_colours: bool, process: str = "") -> None:
        super().__init__(_FORMAT.replace("%(place)s", f"{process}%(place)s"))
        # The process's own clock goes to UTC for the app's sake.
        zone = datetime.datetime.now().astimezone().tzinfo
        self.converter = lambda seconds: datetime.datetime.fromtimestamp(
            seconds or 0.0, zone
        ).timetuple()
        self._has_colours = has_colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        from channelshim.runtime.log_text import block

        record.place = (
            record.name
            if record.name.startswith(_OWN_LOGGERS)
            else f"{record.filename}:{record.lineno}"
        )
        text = block(super().format(record))
        if not self._has_colours:
            return text
        colour = _LEVEL_COLOURS.get(record.levelname)

        def head(found: re.Match[str]) -> str:
            return click.style(found[1], fg=colour) + click.style(found[2], dim=True)

        return _STATUS.sub(_coloured_status, _HEAD.sub(head, text))


def _coloured_status(found: re.Match[str]) -> str:
    return click.style(found[0], fg=_STATUS_COLOURS[found[1]])


@contextlib.contextmanager
def log_to(path: str) -> Iterator[None]:
    """Have a file be standard error in the block and afterwards; see kernel.log_file.

    What ends the block by an error of ours is told there and at the terminal.

    Args:
        path: "" for none.

    Raises:
        ConfigurationError: it cannot be written.
    """
    if not path:
        yield
        return
    from channelshim.kernel.log_file import LogFile
    from channelshim.kernel.threads import Threads

    log_file = LogFile(path)
    log_file.watch(Threads())
    try:
        yield
    except ChannelShimError as error:
        complain(str(error), report=str(getattr(error, "report", "")))
        log_file.put_back()
        raise


def configure_logging(level: str, process: str = "", form: str = "text") -> None:
    """Write logs from a level on to standard error.

    Args:
        level: its name.
        process: see LineFormatter.
        form: "text", or "json" for one object a line.

    Raises:
        ConfigurationError: there is no such level; names those that are.
    """
    number = logging.getLevelName(level.upper())
    if not isinstance(number, int):
        raise ConfigurationError(
            f"log_level must be debug, info, warning, error or critical, not {level!r}"
        )
    handler = _json_handler(process) if form == "json" else _text_handler(process)
    logging.basicConfig(level=number, handlers=[handler])
    for noisy in ("asyncio", "watchfiles"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))


def _json_handler(process: str) -> logging.Handler:
    from channelshim.appserver.access_log import LOGGER_NAME, describe, fields
    from channelshim.runtime.log_json import JsonFormatter, JsonLineHandler

    return JsonLineHandler(
        JsonFormatter(process.strip()),
        name=LOGGER_NAME,
        describe=describe,
        fields_of=fields,
        takes_notes=not sys.stderr.isatty(),
    )


def _text_handler(process: str) -> logging.Handler:
    # Only now: a sentence about a typing error needs nothing of the server.
    from channelshim.appserver.access_log import LOGGER_NAME
    from channelshim.runtime.log_lines import LineHandler
    from channelshim.runtime.request_names import RequestNames

    has_colours = is_coloured(sys.stderr)
    return LineHandler(
        LineFormatter(has_colours=has_colours, process=process),
        [RequestNames()],
        name=LOGGER_NAME,
        # A person reads along there.
        takes_notes=not sys.stderr.isatty(),
    )
