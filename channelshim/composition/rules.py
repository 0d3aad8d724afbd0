"""What holds for requests from outside: one table, the doors as its columns.

A door is a way to serve an app. What a door does differently is decided here and
nowhere else: `exposure_of` makes of a column what the app server asks. The page
docs/reference/doors.md is written from this table, and tests/doors/test_rules.py tries
each of its cells on servers of every make.
"""

from __future__ import annotations

import enum
import socket
from dataclasses import dataclass
from typing import Final

from channelshim.appserver.exposure import Exposure
from channelshim.appserver.hosts import HostRule
from channelshim.composition.place import private_prefixes
from channelshim.composition.plan import Plan
from channelshim.composition.policy import Bound, is_on_loopback


class Door(enum.Enum):
    """A way to serve an app; the value is the heading of its column."""

    LOCAL = "our own server, on this machine alone"
    REMOTE = "our own server, reached from elsewhere"
    EMBEDDED = "`wrap()` and `application()` under another server"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table.

    Attributes:
        name: of the rule.
        subject: what it is about, for the page.
        cells: what holds at each door, for the page.
    """

    name: str
    subject: str
    cells: tuple[str, str, str]

    def at(self, door: Door) -> str:
        """Return what holds at a door."""
        return self.cells[tuple(Door).index(door)]


def _everywhere(sentence: str) -> tuple[str, str, str]:
    return sentence, sentence, sentence


RULES: Final = (
    Rule(
        "start",
        "who may be reached at all",
        (
            "the address that is bound decides, not how `host` is written",
            "the start is refused without a `login` that asks for proof, or "
            "`allow_dev_login`",
            "the other server decides",
        ),
    ),
    Rule(
        "host",
        "`Host`",
        (
            "names of loopback, and `allowed_hosts`; 400 for others",
            "these, any IP address, and this machine's own name; 400 for others",
            "a client on this machine: as in the first column. Others: any, or "
            "`allowed_hosts` where it is set; with `allow_dev_login` as in the second "
            "column",
        ),
    ),
    Rule(
        "login",
        "the login page of `login=dev` and its cookie, which ask for no password",
        (
            "a client on this machine that names this machine, or one of "
            "`allowed_hosts`; 403 and nobody for others",
            "everybody: it does not start otherwise",
            "as in the first column; with `allow_dev_login` everybody",
        ),
    ),
    Rule(
        "foreign pages",
        "a login or logout that a page of another site asks for",
        _everywhere("the form is shown instead"),
    ),
    Rule(
        "reserved",
        "addresses that begin like those of presence, tasks, cron, instances and mail",
        _everywhere("403; the app is not called"),
    ),
    Rule(
        "headers",
        "`X-AppEngine-*`, `X-Google-Internal-*`, `Proxy`, in any spelling",
        _everywhere("removed"),
    ),
    Rule(
        "proxies",
        "`X-Forwarded-*`, `Forwarded`, `X-Real-IP`",
        _everywhere("believed from `trusted_proxies`, and removed"),
    ),
    Rule(
        "store",
        "files of the store, where it is below the app's folder",
        _everywhere("404, whatever handler matches"),
    ),
    Rule(
        "signatures",
        "tokens and cookies of another app with the same `signing_secrets`",
        _everywhere("invalid"),
    ),
    Rule(
        "sniffing",
        "what a browser makes of our own pages",
        _everywhere("`X-Content-Type-Options: nosniff`"),
    ),
    Rule(
        "tracebacks",
        "tracebacks on the page of a 500",
        ("a client on this machine that names this machine", "never", "never"),
    ),
)
"""What holds at which door."""


def door_of(listener: Bound) -> Door:
    """Return the door of our own server: the address that is bound decides."""
    return Door.LOCAL if is_on_loopback(listener) else Door.REMOTE


def exposure_of(
    plan: Plan, door: Door, *, host: str = "localhost", server_name: str = ""
) -> Exposure:
    """Return what a door enforces.

    Args:
        plan: of the app.
        door: which one.
        host: see Exposure.
        server_name: see Exposure.
    """
    settings = plan.settings
    return Exposure(
        host=host,
        hosts=_host_rule(plan, door),
        trusted_proxies=plan.proxies,
        allows_dev_login=settings.allow_dev_login,
        enforces_secure=settings.enforce_secure,
        has_http=door is Door.EMBEDDED or not settings.ssl_certificate_path,
        show_tracebacks=door is Door.LOCAL,
        server_name=server_name,
        private=private_prefixes(plan.store_directory, plan.app.directory),
        logins_per_minute=settings.logins_per_minute,
    )


def _host_rule(plan: Plan, door: Door) -> HostRule:
    settings = plan.settings
    names = frozenset(name.lower() for name in settings.allowed_hosts)
    if door is Door.LOCAL:
        return HostRule(names)
    if door is Door.REMOTE or settings.allow_dev_login:
        # Anybody is anybody to whoever gets here, so no page of another site may.
        own = {settings.host.lower(), *_names_of_this_machine()}
        return HostRule(names | own, takes_addresses=True)
    return HostRule(names, is_open_elsewhere=not names)


def _names_of_this_machine() -> set[str]:
    """Return the names by which others on its network call it."""
    name = socket.gethostname().lower()
    first = name.partition(".")[0]
    # The last is what multicast DNS makes of it.
    return {name, first, f"{first}.local"} if first else set()
