"""google.appengine.ext.webapp.template: Django's templates, without Django's rest.

Needs the extra `channelshim[django]`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

try:
    from django.template import (
        Context,
        Engine,
        Library,
        Node,
        Template,
        TemplateSyntaxError,
    )

    from channelshim.appengine.ext.webapp import django_settings
except ImportError as error:  # pragma: no cover -- the lane without the extra
    raise ImportError(
        "google.appengine.ext.webapp.template needs Django: "
        "pip install 'channelshim[django]'"
    ) from error

__all__ = [
    "Template",
    "create_template_register",
    "load",
    "register_template_library",
    "render",
]

_libraries: list[str] = []

django_settings.install()


def render(
    template_path: str, template_dict: Mapping[str, Any], debug: bool = False
) -> str:
    """Return a template, rendered.

    Args:
        template_path: its file; others that it includes stand in the same folder.
        template_dict: its variables.
        debug: look at the file again, even if it is known already.

    Differs: texts are escaped, as in the last SDK; the first runtime did not.
    """
    template = load(template_path, debug)
    django_settings.prepare()
    context = Context(dict(template_dict), **django_settings.context_options())
    text: str = template.render(context)
    return text


def load(path: str, debug: bool = False) -> Any:
    """Return the compiled template of a file, compiled again when it has changed."""
    absolute = os.path.abspath(path)
    folder, name = os.path.split(absolute)
    if debug:
        return _engine(folder, tuple(_libraries)).get_template(name)
    return _compiled(absolute, os.path.getmtime(absolute), tuple(_libraries))


def register_template_library(package_name: str) -> None:
    """Make the tags and filters of a module known to all templates.

    Args:
        package_name: dotted; the module has a `register` from
            `create_template_register`.
    """
    if package_name not in _libraries:
        _libraries.append(package_name)


def create_template_register() -> Any:
    """Return a new register for tags and filters."""
    return Library()


@functools.lru_cache(maxsize=256)
def _compiled(path: str, modified_at: float, libraries: tuple[str, ...]) -> Any:
    folder, name = os.path.split(path)
    return _engine(folder, libraries).get_template(name)


@functools.lru_cache(maxsize=64)
def _engine(folder: str, libraries: tuple[str, ...]) -> Any:
    # Our own tags first: Django 4 has dropped ifequal, which templates of 2010 use.
    loaders = ["django.template.loaders.filesystem.Loader"]
    return Engine(dirs=[folder], builtins=[__name__, *libraries], loaders=loaders)


register: Any = Library()


class _IfEqual(Node):  # type: ignore[misc]
    """`{% ifequal a b %}…{% else %}…{% endifequal %}`."""

    def __init__(
        self, values: tuple[Any, Any], then: Any, otherwise: Any, *, is_equal: bool
    ) -> None:
        self._values = values
        self._then = then
        self._otherwise = otherwise
        self._is_equal = is_equal

    def render(self, context: Any) -> str:
        """Return the branch that holds."""
        first, second = (value.resolve(context, True) for value in self._values)
        branch = self._then if (first == second) == self._is_equal else self._otherwise
        text: str = branch.render(context)
        return text


def _if_equal(parser: Any, token: Any) -> _IfEqual:
    tag, *values = token.split_contents()
    if len(values) != 2:
        raise TemplateSyntaxError(f"{tag} takes two values")
    end = f"end{tag}"
    first, second = (parser.compile_filter(value) for value in values)
    then = parser.parse(("else", end))
    otherwise = type(then)()
    if parser.next_token().contents == "else":
        otherwise = parser.parse((end,))
        parser.delete_first_token()
    is_equal = tag == "ifequal"
    return _IfEqual((first, second), then, otherwise, is_equal=is_equal)


register.tag("ifequal", _if_equal)
register.tag("ifnotequal", _if_equal)
