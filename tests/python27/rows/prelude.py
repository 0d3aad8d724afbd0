# ruff: noqa: F821 -- names of Python 2.7
# Python 2.7: what every program of programs.tsv begins with.
import sys


def _shown(value):
    if value is None or value is True or value is False:
        return str(value)
    if isinstance(value, unicode):
        return "t" + value.encode("utf-8")
    if isinstance(value, str):
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            return "b" + value.encode("hex")
        return "t" + value
    if isinstance(value, float):
        return "f" + repr(value)
    if isinstance(value, (int, long)):
        return "i" + str(value)
    if isinstance(value, list):
        return "[" + ",".join([_shown(item) for item in value]) + "]"
    if isinstance(value, tuple):
        return "(" + ",".join([_shown(item) for item in value]) + ")"
    if isinstance(value, dict):
        pairs = sorted([_shown(k) + ":" + _shown(v) for k, v in value.items()])
        return "{" + ",".join(pairs) + "}"
    return "o" + type(value).__name__


def p(value):
    sys.stdout.write(_shown(value) + "\n")
