"""gettext: the methods that gave unicode."""

from __future__ import annotations

import gettext
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib import process

__all__ = [
    *("NullTranslations", "GNUTranslations", "lgettext", "lngettext", "translation"),
    *("install", "bind_textdomain_codeset"),
]


class _Unicode:
    """What both kinds of translations had besides."""

    _output_charset: Any = None

    def ugettext(self, message: Any) -> Any:
        """Return a message's translation."""
        return self.gettext(message)  # type: ignore[attr-defined]

    def ungettext(self, msgid1: Any, msgid2: Any, n: Any) -> Any:
        """Return a message's translation for a number."""
        return self.ngettext(msgid1, msgid2, n)  # type: ignore[attr-defined]

    def lgettext(self, message: Any) -> Any:
        """Return a message's translation."""
        return self.gettext(message)  # type: ignore[attr-defined]

    def lngettext(self, msgid1: Any, msgid2: Any, n: Any) -> Any:
        """Return a message's translation for a number."""
        return self.ngettext(msgid1, msgid2, n)  # type: ignore[attr-defined]

    def output_charset(self) -> Any:
        """Return the encoding that was set."""
        return self._output_charset

    def set_output_charset(self, charset: Any) -> None:
        """Set an encoding; translations are text all the same."""
        self._output_charset = charset

    def install(self, unicode: Any = False, names: Any = None) -> None:
        """Put `_` among the builtins of an app."""
        builtins = _builtins()
        builtins["_"] = self.gettext  # type: ignore[attr-defined]
        for name in names or ():
            if hasattr(self, name):
                builtins[name] = getattr(self, name)


def _builtins() -> Any:
    import builtins

    if process.importer is None:
        return vars(builtins)
    return process.importer.builtin_module.__dict__


class NullTranslations(_Unicode, gettext.NullTranslations):  # type: ignore[misc]
    """Translates nothing."""

    def __init__(self, fp: Any = None) -> None:
        gettext.NullTranslations.__init__(self, plain_file(fp))


class GNUTranslations(_Unicode, gettext.GNUTranslations):  # type: ignore[misc]
    """Translates by a file of messages."""

    def __init__(self, fp: Any = None) -> None:
        gettext.GNUTranslations.__init__(self, plain_file(fp))


def translation(
    domain: Any,
    localedir: Any = None,
    languages: Any = None,
    class_: Any = None,
    fallback: Any = False,
    codeset: Any = None,
) -> Any:
    """Return the translations of a domain."""
    found = gettext.translation(
        domain, localedir, languages, class_ or GNUTranslations, True
    )
    if type(found) is gettext.NullTranslations:
        if not fallback:
            raise OSError(2, "No translation file found for domain", domain)
        return NullTranslations()
    return found


def install(
    domain: Any,
    localedir: Any = None,
    unicode: Any = False,
    codeset: Any = None,
    names: Any = None,
) -> None:
    """Put `_` among the builtins of an app."""
    translation(domain, localedir, fallback=True).install(unicode, names)


def lgettext(message: Any) -> Any:
    """Return a message's translation."""
    return gettext.gettext(message)


def lngettext(msgid1: Any, msgid2: Any, n: Any) -> Any:
    """Return a message's translation for a number."""
    return gettext.ngettext(msgid1, msgid2, n)


def bind_textdomain_codeset(domain: Any, codeset: Any = None) -> Any:
    """Return the encoding; translations are text all the same."""
    return codeset
