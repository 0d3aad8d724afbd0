"""The logs: requests with the app's lines under them, and errors that repeat."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from channelshim.appserver.access_log import shown
from channelshim.console.page import PageHandler, Refused
from channelshim.contracts.logs import LoggedRequest, LogLine

LEVELS: Final = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class Entry:
    """A request with its lines, or a line of no request.

    Attributes:
        number: of the request, else of the line.
        at: Unix seconds.
        address: of the client; "" without a request.
        method: as it came.
        target: path and query.
        status: of the answer; None without a request that was answered.
        lines: oldest first.
    """

    number: int
    at: float
    address: str
    method: str
    target: str
    status: int | None
    lines: Sequence[LogLine]

    @property
    def level(self) -> int:
        """Return the highest level of its lines; INFO for a request without any."""
        return max((line.level for line in self.lines), default=logging.INFO)


def entries(requests: Sequence[LoggedRequest], lines: Sequence[LogLine]) -> list[Entry]:
    """Return requests with their lines under them, newest first.

    The line of a request is written when its answer begins, behind most of those of its
    handler. Lines know their request's id, and a request's line its address alone: so a
    group of lines goes to the first request of the same address that comes after its
    first line and has none yet. Two requests of one address at the same time may so
    change places, and nothing else can.

    Args:
        requests: oldest first.
        lines: oldest first.
    """
    waiting: dict[str, list[LoggedRequest]] = {}
    for request in requests:
        waiting.setdefault(f"{request.method} {request.target}", []).append(request)
    owned: dict[int, list[LogLine]] = {}
    found: list[Entry] = []
    for group in _groups(map(without_secrets, lines)):
        first = group[0]
        owner = None
        if first.request:
            owner = _take_owner(waiting, first)
        elif first.target:
            owner = _failed_request(requests, first)
        if owner is not None:
            owned.setdefault(owner.number, []).extend(group)
        else:
            method, _, target = first.target.partition(" ")
            found.append(Entry(first.number, first.at, "", method, target, None, group))
    found += [
        Entry(
            each.number,
            each.at,
            each.address,
            each.method,
            each.target,
            each.status,
            sorted(owned.get(each.number, ()), key=lambda line: line.number),
        )
        for each in requests
    ]
    return sorted(found, key=lambda entry: entry.number, reverse=True)


def without_secrets(line: LogLine) -> LogLine:
    """Return a line whose target is as the access log has it: without tokens."""
    method, space, target = line.target.partition(" ")
    if not space:
        return line
    return replace(line, target=f"{method} {shown(target)}")


def _groups(lines: Iterable[LogLine]) -> list[list[LogLine]]:
    """Return the lines of each request together; others are alone."""
    groups: dict[str, list[LogLine]] = {}
    for line in lines:
        groups.setdefault(line.request or f"line {line.number}", []).append(line)
    return list(groups.values())


def _take_owner(
    waiting: dict[str, list[LoggedRequest]], first: LogLine
) -> LoggedRequest | None:
    """Return the request of a group of lines, which no other group gets.

    Args:
        waiting: by method and target, those that have no group yet.
        first: the group's first line.
    """
    candidates = waiting.get(first.target, [])
    for position, candidate in enumerate(candidates):
        if candidate.number > first.number:
            return candidates.pop(position)
    return None


def _failed_request(
    requests: Sequence[LoggedRequest], line: LogLine
) -> LoggedRequest | None:
    """Return the request that the server's own line about a failure is about.

    It comes behind the lines of the handler, and names the path alone.
    """
    for request in requests:
        path = request.target.partition("?")[0]
        if request.number > line.number and f"{request.method} {path}" == line.target:
            return request
    return None


class LogsPage(PageHandler):
    """The latest requests and lines, by level, status and text."""

    template: ClassVar[str] = "logs.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        level = self.query("level").lower()
        status = self.query("status").strip()
        text = self.query("text")
        if level and level not in LEVELS:
            raise Refused(f"level must be one of {', '.join(LEVELS)}.")
        if re.fullmatch(r"\d{0,3}", status, re.A) is None:
            raise Refused("status must be digits, 404 or 5 for example.")
        logs = self.sources.logs
        found = entries(logs.requests(), logs.lines())
        least = logging.getLevelName(level.upper()) if level else 0
        chosen = (
            entry
            for entry in found
            if entry.level >= least
            and (not status or str(entry.status or "").startswith(status))
            and (not text or _has_text(entry, text))
        )
        return {
            "entries": self.part(chosen),
            "level": level,
            "status": status,
            "text": text,
            "levels": LEVELS,
            "log_level": next(
                each.value
                for each in self.sources.app.settings
                if each.name == "log_level"
            ),
        }


def _has_text(entry: Entry, text: str) -> bool:
    wanted = text.lower()
    return wanted in f"{entry.method} {entry.target}".lower() or any(
        wanted in f"{line.logger} {line.text} {line.traceback}".lower()
        for line in entry.lines
    )


class ErrorsPage(PageHandler):
    """The errors that were logged with a traceback: each kind once."""

    template: ClassVar[str] = "errors.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        kinds: dict[str, list[LogLine]] = {}
        for line in map(without_secrets, self.sources.logs.lines()):
            if line.traceback:
                kinds.setdefault(kind_of(line), []).append(line)
        rows = [
            {
                "kind": kind,
                "error": lines[-1].error,
                "count": len(lines),
                "first_at": lines[0].at,
                "last_at": lines[-1].at,
                "last_request": next(
                    (each.target for each in reversed(lines) if each.target), ""
                ),
                "text": lines[-1].text,
                "traceback": lines[-1].traceback,
            }
            for kind, lines in kinds.items()
        ]
        rows.sort(key=lambda row: float(str(row["last_at"])), reverse=True)
        return {"errors": self.part(rows)}


def kind_of(line: LogLine) -> str:
    """Return what errors of one kind share: their class, and where they were raised.

    Not what the exception says, which may name an id.
    """
    name = re.split(r"[:\s]", line.error, maxsplit=1)[0]
    frames = "\n".join(
        each for each in line.traceback.splitlines() if each.startswith("  File ")
    )
    return hashlib.sha256(f"{name}\n{frames}".encode("utf-8", "replace")).hexdigest()[
        :16
    ]
