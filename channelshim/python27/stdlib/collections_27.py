"""collections: the abstract classes, where Python 2.7 had them."""

from __future__ import annotations

import collections.abc

__all__ = list(collections.abc.__all__)

globals().update({name: getattr(collections.abc, name) for name in __all__})
