"""What an app imports that Google's SDK lacks, by Google's dotted paths.

`appengine/api/channel/...` is `google.appengine.api.channel`. `install` has these names
answered, and everything else patched that legacy code needs.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from channelshim import compat
from channelshim.appengine import surface

_CHANNEL_STUB: Final = "channelshim.appengine.api.channel.channel_service_stub"

OURS: Final = surface.aliases()
"""Google's dotted name to the module that answers for it."""


def install(application_id: str = "") -> None:
    """Make this process one in which legacy imports and calls work. Idempotent.

    The one way in which serve, wrap, application, install and test prepare a process.
    Imports nothing of Google's until somebody asks for it.

    Args:
        application_id: what APPLICATION_ID says outside of requests, where nothing
            else has set it; "" leaves it alone.
    """
    compat.install(
        aliases=OURS,
        fallbacks=surface.fallbacks(),
        hint_of=surface.hint_of,
        refused=surface.refused(),
        placeholders=surface.PLACEHOLDERS,
        make_channel_stub=_make_channel_stub,
        application_id=application_id,
    )


def _make_channel_stub() -> Any:
    # Only now: importing a testbed should not cost what no test of it uses.
    stub = importlib.import_module(_CHANNEL_STUB)
    return stub.ChannelServiceStub()
