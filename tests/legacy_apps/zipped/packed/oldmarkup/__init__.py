"""Text with *stars* and _lines_, to HTML.  Written for Python 2.3."""

from rules import RULES
import parser as _parser
from htmlclean import clean

__version__ = '0.' + `len(RULES)`


def convert(text, encoding='utf-8'):
    if not isinstance(text, unicode):
        text = unicode(text, encoding)
    return _parser.Parser(RULES).run(text)
