"""Why an answer of ours may differ from the original's: one table.

The first rule that fits a difference gives its reason. A rule looks at one part of two
answers, or at cases whose whole answers differ; then it says which cases these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.original.exchanges import Answer, Case


@dataclass(frozen=True)
class Difference:
    """One part in which two answers differ.

    Attributes:
        case: the request.
        part: "status", "reason", "body", "cut", "more", or "header NAME".
        theirs: the original's; None for a header that is not there.
        ours: likewise.
        answers: both answers, whole, the original's first.
    """

    case: Case
    part: str
    theirs: Any
    ours: Any
    answers: tuple[Answer, Answer]

    def __str__(self) -> str:
        theirs, ours = (repr(each)[:160] for each in (self.theirs, self.ours))
        return f"{self.case.app}: {self.case.name}: {self.part}: {theirs} -> {ours}"

    @property
    def statuses(self) -> tuple[int, int]:
        """Return the two statuses, the original's first."""
        return self.answers[0].status, self.answers[1].status

    @property
    def has_one_body(self) -> bool:
        """Return whether both have the same body."""
        return self.answers[0].body == self.answers[1].body


def differences(case: Case, theirs: Answer, ours: Answer) -> list[Difference]:
    """Return the parts in which two answers differ."""
    one, other = theirs.parts, ours.parts
    return [
        Difference(case, part, one.get(part), other.get(part), (theirs, ours))
        for part in sorted({*one, *other})
        if one.get(part) != other.get(part)
    ]


@dataclass(frozen=True)
class Rule:
    """A reason.

    Attributes:
        name: what it is about.
        number: of its entry in docs/explanation/differences.md.
        explains: whether a difference is of this kind.
    """

    name: str
    number: str
    explains: Callable[[Difference], bool]


_EXPIRED: Final = "Fri, 01 Jan 1990 00:00:00 GMT"
_PAGE_PARTS: Final = frozenset(
    {"body", "header content-type", "header content-length", "more"}
    | {"header cache-control", "header expires", "header transfer-encoding"}
)
"""What a server's own page makes different where the status is the same."""


def _is_part(*names: str) -> Callable[[Difference], bool]:
    return lambda one: one.part in names


def _is_case(pattern: str, app: str = "") -> Callable[[Difference], bool]:
    """Return whether a case is one of these: the whole answer has one reason."""
    compiled = re.compile(pattern)
    return lambda one: (
        app in ("", one.case.app) and compiled.match(one.case.name) is not None
    )


def _went(
    *statuses: tuple[int, int], pattern: str = ""
) -> Callable[[Difference], bool]:
    """Return whether the statuses are these, of cases whose names match."""
    compiled = re.compile(pattern)
    return lambda one: (
        one.statuses in statuses and compiled.match(one.case.name) is not None
    )


def _is_framing(one: Difference) -> bool:
    return (
        one.part in ("header content-length", "header transfer-encoding")
        and None in (one.theirs, one.ours)
        and one.has_one_body
    )


def _is_charset(one: Difference) -> bool:
    return one.part == "header content-type" and (
        str(one.theirs).lower() + "; charset=utf-8" == str(one.ours).lower()
        or str(one.theirs).lower() == str(one.ours).lower()
    )


def _is_cache_default(one: Difference) -> bool:
    return (one.part, one.theirs, one.ours) in (
        ("header cache-control", "no-cache", None),
        ("header expires", _EXPIRED, None),
    )


def _is_own_page(one: Difference) -> bool:
    """Return whether both refuse, each with a page of its own."""
    return (
        one.statuses[0] == one.statuses[1] >= 400 or one.statuses == (302, 302)
    ) and one.part in _PAGE_PARTS


def _is_cached_cookie(one: Difference) -> bool:
    return one.part in ("header expires", "header cache-control") and (
        "set-cookie" in one.answers[1].headers
    )


def _is_static_header(one: Difference) -> bool:
    return (
        one.case.app == "files"
        and one.statuses[0] == one.statuses[1]
        and one.part
        in (
            *("header cache-control", "header expires", "header etag"),
            *("header last-modified", "header accept-ranges"),
        )
    )


def _is_type_table(one: Difference) -> bool:
    return one.part in ("header content-type", "header content-encoding") and (
        re.match(r"file (HEAD )?(icon.ico|drawing|archive|font|UPPER)", one.case.name)
        is not None
    )


def _is_read(pattern: str) -> Callable[[Difference], bool]:
    """Return whether the app has read other things in cases of these names."""
    compiled = re.compile(pattern)
    parts = ("body", "header content-length", "header transfer-encoding")
    return lambda one: (
        one.part in parts
        and one.statuses[0] == one.statuses[1] == 200
        and compiled.match(one.case.name) is not None
    )


_SIMPLER: Final = (
    "environ (SERVER_SOFTWARE|INSTANCE_ID|CURRENT_VERSION_ID|PATH_TRANSLATED"
    "|REQUEST_(SCHEME|ID_HASH|LOG_ID))"
)
_RESERVED: Final = (
    "platform (POST )?/_ah/(warmup|start|stop|queue|channel/(dis)?connected|mail|xmpp"
    "|background|bounce)"
)
_REFUSED: Final = (
    "raw (0.9|two Hosts|two lengths|length of text|negative length|chunked and length"
    "|chunk of nonsense|space before colon|no path|relative|star|2.0|long path)"
    "|sent 'X-Own: a.r.n b'|path /%00|file path /dir/a.txt%00"
)
_TAKEN: Final = (
    "raw (Host in capitals|fragment|not ASCII|1.0 without Host)|sent 'X-Own: \xe9'"
    "|redirect /%C3%A9|method (GET|HEAD|DELETE) with a body|form DELETE"
    "|raw chunked"
)
_UNSENDABLE: Final = "plain (HEAD |1.0 )?(length|header)-|header X"
_HEADERS_OF_REQUESTS: Final = (
    "sent '(X-Own:   a|X_Own|X-Own: a.r.nX|Cookie: a=b.r|Content-Type|Accept-Encoding)"
)

RULES: Final[tuple[Rule, ...]] = (
    Rule("the server's name", "D25", _is_part("header server")),
    Rule("the connection's end", "D25", _is_part("header connection")),
    Rule("framing", "D25", _is_framing),
    Rule("dates of refusals", "D25", _is_part("header date")),
    Rule(
        "lengths for HEAD",
        "D25",
        lambda one: one.part == "header content-length" and one.case.is_head,
    ),
    Rule(
        "phrases",
        "D25",
        lambda one: one.part == "reason" and one.statuses[0] == one.statuses[1],
    ),
    Rule("no sniffing", "D28", _is_part("header x-content-type-options")),
    Rule("reserved addresses", "D6", _went((200, 403), pattern=_RESERVED)),
    Rule("slash behind an address", "D10", _is_case("platform.*/channel/jsapi/")),
    Rule(
        "unsigned cookies",
        "D8",
        _went(
            (200, 302), (401, 302), (200, 401), (401, 401), pattern="login .* forged"
        ),
    ),
    Rule("signed cookies", "D8", _is_part("header set-cookie")),
    Rule("destinations", "D9", _is_case("platform .*continue=http")),
    Rule("headers of the platform", "D7", _is_read("sent '(X-App|X-Forw|Proxy)")),
    Rule(
        "hidden files",
        "D29",
        _went((200, 404), pattern="file (HEAD )?(compiled|backup|.hidden)"),
    ),
    Rule("methods of files", "D29", _went((200, 405))),
    Rule("ranges of files", "D29", _went((200, 206), (200, 416))),
    Rule("dates of files", "D29", _went((200, 304), (200, 412), pattern="condition")),
    Rule(
        "paths of files",
        "D29",
        _went(
            *((403, 404), (404, 200), (302, 200), (302, 404), (403, 200)),
            pattern="(file|path|script|platform).*[/.]",
        ),
    ),
    Rule("refused requests", "D30", _is_case(_REFUSED)),
    Rule("taken requests", "D30", _is_case(_TAKEN)),
    Rule("headers of requests", "D30", _is_read(_HEADERS_OF_REQUESTS)),
    Rule("answers that cannot be sent", "D31", _went((200, 500), pattern=_UNSENDABLE)),
    Rule("unknown statuses", "D31", _is_case("status (308|418|428|429|431|451|511)")),
    Rule("streams", "D31", _is_case("plain (HEAD |1.0 )?(midraise|stream-)")),
    Rule("simpler variables", "D32", _is_read(_SIMPLER)),
    Rule("CGI redirects", "D33", _went((200, 302), pattern="script .*location")),
    Rule("CGI ends", "D33", _went((500, 200), pattern="script .*exit")),
    Rule("CGI variables", "D33", _is_read("script .*variables")),
    Rule("charset", "D27", _is_charset),
    Rule("cache default", "D26", _is_cache_default),
    Rule("cookies in caches", "D26", _is_cached_cookie),
    Rule("caching of files", "D26", _is_static_header),
    Rule("types of files", "D27", _is_type_table),
    Rule(
        "no type",
        "D27",
        lambda one: (one.part, one.ours) == ("header content-type", None),
    ),
    Rule("content coding", "D27", _is_part("header content-encoding")),
    Rule("pages of the server", "D28", _is_own_page),
    Rule(
        "page of the login",
        "D28",
        lambda one: (
            _is_case("platform /_ah/log(in|out)")(one)
            and one.part in (*_PAGE_PARTS, "header location", "header x-frame-options")
        ),
    ),
    Rule("unknown blobs", "D28", _went((500, 404), pattern=".*(upload|BlobKey)")),
    Rule("Cloud Storage", "D35", _is_case("platform .*/_ah/gcs")),
    Rule("health", "D38", _is_case("platform .*/_ah/health")),
    Rule(
        "pages of the libraries",
        "D34",
        lambda one: one.case.app == "pages" and _is_part("header allow")(one),
    ),
    Rule("forms", "D34", _is_read("form |query .?a=1;|raw no length")),
    Rule("forms of PATCH", "D34", _went((200, 500), pattern="form PATCH .*boundary")),
    Rule("paths of requests", "D34", _is_read("path ")),
)


def name_of(difference: Difference) -> str:
    """Return the name of the first rule that explains a difference, or ""."""
    for rule in RULES:
        if rule.explains(difference):
            return rule.name
    return ""
