"""new: objects made from their parts."""

from __future__ import annotations

import types
from typing import Any

from channelshim.python27.stdlib.types_27 import MethodType

__all__ = ["instancemethod", "function", "classobj", "module", "code", "instance"]

instancemethod = MethodType
function = types.FunctionType
module = types.ModuleType
code = types.CodeType


def classobj(name: Any, bases: Any, namespace: Any) -> Any:
    """Make a class."""
    kind = type(bases[0]) if bases else type
    return kind(name, bases, dict(namespace))


def instance(kind: Any, namespace: Any = None) -> Any:
    """Make an instance of a class without its __init__."""
    made = kind.__new__(kind)
    made.__dict__.update(namespace or {})
    return made
