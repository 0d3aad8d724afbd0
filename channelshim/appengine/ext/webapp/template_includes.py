"""Tags of Django 0.96 and 1.2 that bring other files into a template."""

from __future__ import annotations

import logging
import os
from typing import Any

from django.conf import settings
from django.template import Library, Node, TemplateSyntaxError, loader_tags

from channelshim.appengine.ext.webapp.template_language import OldTemplate, tag_of

__all__ = ["register"]

_logger = logging.getLogger("channelshim.appengine")

register: Any = Library()

_tag = tag_of(register)


class _Block(loader_tags.BlockNode):  # type: ignore[misc]
    def super(self) -> str:
        """Return the parent's block; there is none in a template at the root."""
        text: str = super().super() if hasattr(self, "context") else ""
        return text


@_tag("block")
def _block(parser: Any, token: Any) -> _Block:
    plain = loader_tags.do_block(parser, token)
    return _Block(plain.name, plain.nodelist)


class _Include(Node):  # type: ignore[misc]
    """A template in another, which prints nothing when there is no such file."""

    def __init__(self, name: Any, *, is_constant: bool) -> None:
        self._name = name
        self._is_constant = is_constant

    def render(self, context: Any) -> Any:
        engine = context.template.engine
        try:
            template = engine.get_template(self._name.resolve(context))
            if not self._is_constant:
                return template.render(context)
        except Exception as error:
            # Only the text of `debug=True` had it.
            if engine.debug:
                raise
            _logger.warning("%s includes nothing: %s", self.origin.name, error)
            return ""
        return template.render(context)


@_tag("include")
def _include(parser: Any, token: Any) -> Any:
    words = token.split_contents()
    if len(words) != 2:
        return loader_tags.do_include(parser, token)
    name = parser.compile_filter(words[1])
    return _Include(name, is_constant=words[1][0] in "\"'")


class _Ssi(Node):  # type: ignore[misc]
    def __init__(self, path: str, *, is_parsed: bool) -> None:
        self._path = path
        self._is_parsed = is_parsed

    def render(self, context: Any) -> Any:
        engine = context.template.engine
        if not _may_include(self._path):
            return "[no permission to include the file]" if engine.debug else ""
        try:
            with open(self._path, encoding="utf-8") as file:
                text = file.read()
        except OSError:
            return ""
        if not self._is_parsed:
            return text
        try:
            return OldTemplate(text, name=self._path, engine=engine).render(context)
        except TemplateSyntaxError as error:
            return f"[syntax error: {error}]" if engine.debug else ""


def _may_include(path: str) -> bool:
    """Return whether a file is below one of the roots that the app's settings name."""
    real = os.path.realpath(path)
    for root in getattr(settings, "ALLOWED_INCLUDE_ROOTS", ()):
        if real.startswith(os.path.join(os.path.realpath(root), "")):
            return True
    return False


@_tag("ssi")
def _ssi(parser: Any, token: Any) -> _Ssi:
    words = token.contents.split()[1:]
    if not words or words[1:] not in ([], ["parsed"]):
        raise TemplateSyntaxError("ssi takes a file's absolute path, and `parsed`")
    return _Ssi(words[0].strip("\"'"), is_parsed=len(words) == 2)
