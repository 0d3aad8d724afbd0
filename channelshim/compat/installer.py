"""The one installer: it prepares a process for legacy code, whatever the door."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from channelshim import limits
from channelshim.compat import old_modules, protorpc_names
from channelshim.compat.import_hooks import (
    after_import,
    answer_for,
    answer_last_for,
    hide_while_importing,
)
from channelshim.compat.patches import FALLBACKS, HIDDEN, PATCHES, Patch
from channelshim.compat.refused_modules import HintOf, refuse
from channelshim.compat.testbed import patch_testbed
from channelshim.runtime import environment
from channelshim.runtime.variables import SERVER_SOFTWARE

_installed: list[Patch] = []


def install(
    *,
    aliases: Mapping[str, str],
    make_channel_stub: Callable[[], Any],
    fallbacks: Mapping[str, str] | None = None,
    hint_of: HintOf = lambda name: None,
    refused: Sequence[str] = (),
    placeholders: Sequence[str] = (),
    application_id: str = "",
) -> None:
    """Apply every patch now, or when its module is imported. Idempotent.

    Imports nothing that is patched.

    Args:
        aliases: Google's dotted name to the module that answers for it.
        make_channel_stub: makes what a testbed's init_channel_stub registers.
        fallbacks: the same as aliases, for names that nobody else has.
        hint_of: names that can be imported and not called; see refused_modules.
        refused: those among them that are modules of a package.
        placeholders: packages that are there for a module in them.
        application_id: APPLICATION_ID outside of requests, where nobody has set it;
            "" leaves it alone.
    """
    environ = environment.install()
    # webapp2 asks this before it is first imported: without it, it looks for
    # google.appengine.ext.webapp, which imports webapp2, and so on in circles.
    os.environ.setdefault("APPENGINE_RUNTIME", "python27")
    environ.setdefault("AUTH_DOMAIN", limits.AUTH_DOMAIN)
    environ.setdefault("SERVER_SOFTWARE", SERVER_SOFTWARE)
    if application_id:
        environ.setdefault("APPLICATION_ID", f"dev~{application_id}")
    answer_for(aliases)
    answer_last_for({**FALLBACKS, **(fallbacks or {})})
    old_modules.install()
    protorpc_names.install()
    refuse(hint_of, listed=refused, placeholders=placeholders)
    if _installed:
        return
    for hidden, importer in HIDDEN:
        hide_while_importing(hidden, importer)
    testbed = Patch(
        "google.appengine.ext.testbed",
        functools.partial(patch_testbed, make_channel_stub),
        "the Channel stub, and application ids of any form",
        "as long as code of Python 2.7 runs here",
    )
    for patch in (*PATCHES, testbed):
        after_import(patch.module, patch.function)
        _installed.append(patch)


def installed() -> tuple[Patch, ...]:
    """Return the patches of this process, in the order of their installation."""
    return tuple(_installed)
