"""What WebOb, webapp2, Jinja2 and MarkupSafe of 2010 to 2015 had by other names.

One table for names of modules, and one for arguments; the members that need code stand
below. Source: WebOb 1.1.1 and 1.2.3, webapp2 2.5.2, Jinja2 2.6 and MarkupSafe 0.15, as
SDK 1.9.88 brought them, compared with those of today name by name.
"""

from __future__ import annotations

import functools
import importlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from channelshim.compat.legacy_str import as_bytes, legacy_str

_DECORATORS: Final = {
    "contextfunction": "jinja2.utils.pass_context",
    "contextfilter": "jinja2.utils.pass_context",
    "evalcontextfunction": "jinja2.utils.pass_eval_context",
    "evalcontextfilter": "jinja2.utils.pass_eval_context",
    "environmentfunction": "jinja2.utils.pass_environment",
    "environmentfilter": "jinja2.utils.pass_environment",
}
_MARKUP: Final = {"Markup": "markupsafe.Markup", "escape": "markupsafe.escape"}
_SOFT: Final = {"soft_unicode": "markupsafe.soft_str"}

NAMES: Final[dict[str, Mapping[str, str]]] = {
    "flask": _MARKUP,
    "jinja2": {**_DECORATORS, **_MARKUP},
    "jinja2.ext": {**_DECORATORS, **_MARKUP},
    "jinja2.filters": {**_DECORATORS, **_MARKUP, **_SOFT},
    "jinja2.runtime": {
        **_MARKUP,
        **_SOFT,
        "to_string": "builtins.str",
        "unicode_join": "jinja2.runtime.str_join",
    },
    "jinja2.utils": {**_DECORATORS, **_MARKUP, **_SOFT, "next": "builtins.next"},
    "markupsafe": _SOFT,
}
"""Names that a library dropped, and where the same thing is today."""

ARGUMENTS: Final[dict[str, dict[str, Mapping[str, str]]]] = {
    "webob.response": {
        "Response.set_cookie": {"key": "name"},
        "Response.delete_cookie": {"key": "name"},
        "Response.unset_cookie": {"key": "name"},
    },
}
"""Module to functions, each with its arguments' names of then and of today."""

_REQUEST_MEMBERS: Final = {
    "str_GET": "GET",
    "str_POST": "POST",
    "str_cookies": "cookies",
    "str_params": "params",
    "queryvars": "GET",
    "postvars": "POST",
    "str_queryvars": "GET",
    "str_postvars": "POST",
}
"""Properties of a request; their values are text, as they were for ASCII in effect."""


def changes() -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Yield each module's name with what to call with it once it is imported."""
    for name, names in NAMES.items():
        yield name, functools.partial(add_names, names)
    for name, functions in ARGUMENTS.items():
        yield name, functools.partial(_rename_arguments, functions)
    yield "jinja2.ext", _add_extensions
    yield "jinja2.environment", _add_stream_members
    yield "webapp2", _mend_get
    yield "webob.acceptparse", _add_accept_members
    yield "webob.exc", _add_exception
    yield "webob.multidict", _add_multidicts
    yield "webob.request", _add_request_members
    yield "webob.response", _add_response_members
    for name, kinds in _LISTING.items():
        yield name, functools.partial(_give_lists, kinds)


def add_names(names: Mapping[str, str], module: ModuleType) -> None:
    """Add to a module those of the old names that it lacks.

    Args:
        names: old name to the dotted path of what it means today.
        module: freshly imported.
    """
    for old, path in names.items():
        home, _, new = path.rpartition(".")
        place = importlib.import_module(home)
        if not hasattr(module, old) and hasattr(place, new):
            setattr(module, old, getattr(place, new))


def _rename_arguments(functions: dict[str, Mapping[str, str]], module: Any) -> None:
    for path, names in functions.items():
        owner, _, name = path.partition(".")
        kind = getattr(module, owner)
        setattr(kind, name, _taking_old_names(names, getattr(kind, name)))


def _taking_old_names(
    names: Mapping[str, str], plain: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(plain)
    def wrapper(*args: Any, **named: Any) -> Any:
        for old, new in names.items():
            if old in named and new not in named:
                named[new] = named.pop(old)
        return plain(*args, **named)

    return wrapper


def _add_member(kind: Any, name: str, member: Any) -> None:
    if not hasattr(kind, name):
        setattr(kind, name, member)


# --- Jinja2


def _add_extensions(extensions: Any) -> None:
    """Put back the extensions that Jinja 3.1 dropped for being built in."""
    for name, of_class in (
        ("autoescape", "AutoEscapeExtension"),
        ("with_", "WithExtension"),
    ):
        if not hasattr(extensions, of_class):
            made = type(of_class, (extensions.Extension,), {"tags": set()})
            setattr(extensions, of_class, made)
        _add_member(extensions, name, getattr(extensions, of_class))


def _add_stream_members(module: Any) -> None:
    _add_member(module.TemplateStream, "next", module.TemplateStream.__next__)


# --- webapp2


def _mend_get(webapp2: Any) -> None:
    """Have `allow_multiple` return all values again: today's webapp2 ignores it."""
    kind = webapp2.Request
    plain = kind.get

    @functools.wraps(plain)
    def get(
        request: Any,
        argument_name: str,
        default_value: Any = "",
        allow_multiple: bool = False,
    ) -> Any:
        if allow_multiple:
            return request.get_all(argument_name)
        return plain(request, argument_name, default_value)

    kind.get = get


# --- WebOb


def _add_request_members(module: Any) -> None:
    kind = module.BaseRequest
    for old, new in _REQUEST_MEMBERS.items():
        _add_member(kind, old, property(operator.attrgetter(new)))
    _add_member(kind, "unicode_errors", "strict")
    _add_member(kind, "decode_param_names", True)

    def as_string(request: Any, skip_body: bool | int = False) -> Any:
        return legacy_str(request.as_bytes(skip_body))

    def from_string(own: Any, b: Any) -> Any:
        return own.from_bytes(as_bytes(b))

    _add_member(kind, "as_string", as_string)
    _add_member(kind, "from_string", classmethod(from_string))


def _add_response_members(module: Any) -> None:
    from webob.request import Request

    _add_member(module.Response, "RequestClass", Request)


def _add_exception(module: Any) -> None:
    """Have `raise HTTPNotFound().exception` work, of Python 2.4's old classes."""
    _add_member(module.WSGIHTTPException, "exception", property(lambda error: error))


def _add_multidicts(module: Any) -> None:
    class UnicodeMultiDict(module.MultiDict):  # type: ignore[misc]
        """A MultiDict: its values are text already."""

        def __init__(
            self,
            multi: Any,
            encoding: str | None = None,
            errors: str = "strict",
            decode_keys: bool = False,
        ) -> None:
            super().__init__(multi)

    _add_member(module, "UnicodeMultiDict", UnicodeMultiDict)


_LISTING: Final = {
    "webob.multidict": ("MultiDict", "NestedMultiDict", "NoVars"),
    "webob.cookies": ("RequestCookies",),
    "webob.headers": ("EnvironHeaders",),
}


def _give_lists(kinds: Sequence[str], module: Any) -> None:
    """Have `request.params.keys()` and its like return lists, which can be sorted."""
    for kind_name in kinds:
        kind = getattr(module, kind_name)
        for name in ("keys", "items", "values"):
            setattr(kind, name, _listing(getattr(kind, name)))


def _listing(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(plain)
    def wrapper(own: Any) -> Any:
        return list(plain(own))

    return wrapper


_ACCEPTS: Final = ("Accept", "AcceptCharset", "AcceptEncoding", "AcceptLanguage")


def _add_accept_members(module: Any) -> None:
    for header in _ACCEPTS:
        for form in ("ValidHeader", "InvalidHeader", "NoHeader"):
            kind = getattr(module, f"{header}{form}", None)
            if kind is not None:
                _add_member(kind, "best_matches", _best_matches)
                _add_member(kind, "first_match", _first_match)
                if header == "Accept":
                    accepts = property(lambda accept: accept.accept_html())
                    _add_member(kind, "accepts_html", accepts)


def _best_matches(accept: Any, fallback: str | None = None) -> list[str]:
    """Return what a client wants, best first, up to what matches the fallback."""
    found = []
    for item in _wanted(accept):
        if fallback is not None and _is_match(accept, item, fallback):
            break
        found.append(item)
    return found if fallback is None else [*found, fallback]


def _first_match(accept: Any, offers: Sequence[str | None]) -> str | None:
    """Return the first of the offers that a client takes, whatever its quality."""
    wanted = _wanted(accept)
    for offer in offers:
        if offer is None or not wanted:
            return offer
        if any(_is_match(accept, item, offer) for item in wanted):
            return offer
    return offers[0] if offers else None


def _wanted(accept: Any) -> list[str]:
    header = accept.header_value or ""
    parsed = []
    for part in header.split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        if name:
            parsed.append((name, _quality(parameters)))
    if header and type(accept).__name__.startswith("AcceptCharset"):
        names = {name.lower() for name, _ in parsed}
        if names.isdisjoint(("*", "iso-8859-1")):
            # RFC 2616, section 14.2.
            parsed.append(("iso-8859-1", 1.0))
    return [name for name, _ in sorted(parsed, key=lambda each: -each[1])]


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 1.0
    return 1.0


def _is_match(accept: Any, item: str, offer: str) -> bool:
    item, offer = item.lower(), offer.lower()
    if item in ("*", "*/*", offer):
        return True
    if type(accept).__name__.startswith("AcceptLanguage"):
        return offer.partition("-")[0] == item or offer == item.partition("-")[0]
    kind, _, rest = item.partition("/")
    return rest == "*" and offer.partition("/")[0] == kind
