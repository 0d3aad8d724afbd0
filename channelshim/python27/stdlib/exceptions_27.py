"""exceptions: the module that had them all."""

from __future__ import annotations

import builtins

__all__ = [
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
]

globals().update({name: getattr(builtins, name) for name in __all__})
StandardError = Exception
__all__ += ["StandardError"]
