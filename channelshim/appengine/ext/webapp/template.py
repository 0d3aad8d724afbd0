"""google.appengine.ext.webapp.template: Django's templates, without Django's rest.

Needs the extra `channelshim[django]`. Tags, filters and lookups are those of the SDK's
Django, 0.96 or 1.2, on today's.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any, Final

try:
    from django.template import Engine, Library

    from channelshim.appengine.ext.webapp import django_settings
    from channelshim.appengine.ext.webapp.template_language import (
        OldContext,
        OldTemplate,
    )
except ImportError:  # pragma: no cover -- the lane without the extra
    # Where it was looked for is nothing to a reader.
    raise ImportError(
        "google.appengine.ext.webapp.template needs Django: pip install 'Django'"
    ) from None

__all__ = [
    "Context",
    "Template",
    "create_template_register",
    "load",
    "register_template_library",
    "render",
]

_HERE: Final = "channelshim.appengine.ext.webapp"

_BUILTINS: Final = (
    f"{_HERE}.template_filters",
    f"{_HERE}.template_numbers",
    f"{_HERE}.template_tags",
    f"{_HERE}.template_includes",
)

_LIBRARIES: Final = {
    "cache": "django.templatetags.cache",
    "humanize": "django.contrib.humanize.templatetags.humanize",
    "i18n": "django.templatetags.i18n",
}
"""What `{% load %}` finds."""

_registered: list[str] = []

django_settings.install()


class Context(OldContext):
    """The variables of a template."""

    def __init__(
        self, dict_: Any = None, autoescape: bool | None = None, **options: Any
    ) -> None:
        django_settings.prepare()
        options = {**django_settings.context_options(), **options}
        super().__init__(dict_, autoescape, **options)


class Template(OldTemplate):
    """A template of a text; it includes and extends none by name."""

    def __init__(
        self,
        template_string: Any,
        origin: Any = None,
        name: str | None = None,
        engine: Any = None,
    ) -> None:
        django_settings.prepare()
        engine = engine or _engine_for("", is_debug=False)
        super().__init__(template_string, origin, name, engine)


def render(
    template_path: str, template_dict: Mapping[str, Any], debug: bool = False
) -> str:
    """Return a template, rendered.

    Args:
        template_path: its file; others that it includes stand in the same folder.
        template_dict: its variables.
        debug: look at the file again, even if it is known already, and raise the error
            of an include, which otherwise prints nothing.

    Differs: D36.
    """
    template = load(template_path, debug)
    text: str = template.render(Context(template_dict))
    return text


def load(path: str, debug: bool = False) -> Any:
    """Return the compiled template of a file, compiled again when it has changed."""
    absolute = os.path.abspath(path)
    folder, name = os.path.split(absolute)
    django_settings.prepare()
    return _engine_for(folder, is_debug=debug).get_template(name)


def register_template_library(package_name: str) -> None:
    """Make the tags and filters of a module known to all templates.

    Args:
        package_name: dotted; the module has a `register` from
            `create_template_register`.
    """
    if package_name not in _registered:
        _registered.append(package_name)


def create_template_register() -> Any:
    """Return a new register for tags and filters."""
    return Library()


def _engine_for(folder: str, *, is_debug: bool) -> Any:
    missing = django_settings.text_of_missing_names()
    return _engine(folder, tuple(_registered), missing, is_debug=bool(is_debug))


@functools.lru_cache(maxsize=64)
def _engine(
    folder: str, registered: tuple[str, ...], missing: str, *, is_debug: bool
) -> Any:
    # The last of a name wins: Django's own, then ours, then the app's.
    return Engine(
        dirs=[folder] if folder else [],
        debug=is_debug,
        string_if_invalid=missing,
        builtins=[*_BUILTINS, *registered],
        libraries=_LIBRARIES,
        loaders=[f"{_HERE}.template_language.OldLoader"],
    )
