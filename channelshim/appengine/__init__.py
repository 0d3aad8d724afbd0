"""What an app imports that Google's SDK lacks, by Google's dotted paths.

`appengine/api/channel/...` is `google.appengine.api.channel`. `install` has these names
answered, and everything else patched that legacy code needs.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from channelshim import compat

_OUR_CHANNEL: Final = "channelshim.appengine.api.channel"

_OUR_WEBAPP: Final = "channelshim.appengine.ext.webapp"

OURS: Final = {
    "google.appengine.api.channel": _OUR_CHANNEL,
    "google.appengine.api.channel.channel": f"{_OUR_CHANNEL}.channel",
    "google.appengine.api.channel.channel_service_pb": (
        f"{_OUR_CHANNEL}.channel_service_pb"
    ),
    "google.appengine.api.channel.channel_service_stub": (
        f"{_OUR_CHANNEL}.channel_service_stub"
    ),
    "google.appengine.api.labs": "channelshim.appengine.api.labs",
    "google.appengine.api.labs.taskqueue": "google.appengine.api.taskqueue",
    "google.appengine.api.logservice": "channelshim.appengine.api.logservice",
    "google.appengine.api.quota": "channelshim.appengine.api.quota",
    "google.appengine.api.xmpp": "channelshim.appengine.api.xmpp",
    "google.appengine.dist": "channelshim.appengine.dist",
    "google.appengine.ext.vendor": "channelshim.appengine.ext.vendor",
    "google.appengine.ext.webapp": _OUR_WEBAPP,
    "google.appengine.ext.webapp.blobstore_handlers": (
        f"{_OUR_WEBAPP}.blobstore_handlers"
    ),
    "google.appengine.ext.webapp.mail_handlers": f"{_OUR_WEBAPP}.mail_handlers",
    "google.appengine.ext.webapp.template": f"{_OUR_WEBAPP}.template",
    "google.appengine.ext.webapp.util": f"{_OUR_WEBAPP}.util",
}
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
        make_channel_stub=_make_channel_stub,
        application_id=application_id,
    )


def _make_channel_stub() -> Any:
    # Only now: importing a testbed should not cost what no test of it uses.
    stub = importlib.import_module(f"{_OUR_CHANNEL}.channel_service_stub")
    return stub.ChannelServiceStub()
