"""The importer of this process, for modules of the library that load others.

It is here before an app's first import, and the modules that ask for it are imported
when the app first asks for them: an app that never does goes without.
"""

from __future__ import annotations

from typing import Any

importer: Any = None
"""A `python27.loading.Importer`; None before the mode is installed."""
