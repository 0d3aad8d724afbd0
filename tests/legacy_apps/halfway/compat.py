# -*- coding: utf-8 -*-
"""What the two Pythons call by different names."""
from __future__ import absolute_import, division, print_function, unicode_literals

import sys

PY2 = sys.version_info[0] == 2

if PY2:
    text_type = unicode
    binary_type = str
    string_types = (basestring,)
    integer_types = (int, long)
    from urllib import quote, unquote, urlencode
    from urlparse import urlparse, parse_qs
    from StringIO import StringIO
    from itertools import izip as zip, imap as map
    exec("def reraise(kind, value, tb=None):\n    raise kind, value, tb")

    def iteritems(mapping):
        return mapping.iteritems()
else:
    text_type = str
    binary_type = bytes
    string_types = (str,)
    integer_types = (int,)
    from urllib.parse import quote, unquote, urlencode, urlparse, parse_qs
    from io import StringIO

    def reraise(kind, value, tb=None):
        raise value.with_traceback(tb)

    def iteritems(mapping):
        return iter(mapping.items())


def with_metaclass(meta, *bases):
    return meta(str("Base"), bases or (object,), {})


def to_text(value, encoding="utf-8"):
    if isinstance(value, text_type):
        return value
    if isinstance(value, binary_type):
        return value.decode(encoding)
    return text_type(value)


def python_2_unicode_compatible(cls):
    if PY2:
        cls.__unicode__ = cls.__str__
        cls.__str__ = lambda self: self.__unicode__().encode("utf-8")
    return cls
