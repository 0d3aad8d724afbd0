"""The one Jinja2 environment of our own pages; everything in it is escaped."""

from __future__ import annotations

from typing import Any

import jinja2

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("channelshim.pages"), autoescape=True
)


def render(name: str, **values: Any) -> str:
    """Return the page made from a template of templates/ and its values.

    Args:
        name: the template's file name, "login.html".
        **values: what the template shows; texts are escaped.
    """
    return _ENVIRONMENT.get_template(name).render(**values)
