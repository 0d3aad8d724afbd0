"""What an app imports that Google's SDK lacks, by Google's dotted paths.

`appengine/api/channel/…` is `google.appengine.api.channel`. A meta-path finder with an
exact list of names answers for them; it imports nothing of Google's until asked.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

from channelshim.compat.import_hooks import after_import
from channelshim.compat.testbed import mend_testbed

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


class _Alias:
    """A finder and loader in one: gives our module under Google's name."""

    def __init__(self) -> None:
        self._own_specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name not in OURS:
            return None
        return ModuleSpec(name, self, is_package=False)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(OURS[spec.name])
        self._own_specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It ran when it was imported under its own name, which it keeps.
        module.__spec__ = self._own_specs[module.__name__]


_alias = _Alias()


def install() -> None:
    """Make Google's names importable and its testbed whole. Idempotent.

    Imports nothing.
    """
    if not any(finder is _alias for finder in sys.meta_path):
        sys.meta_path.insert(0, _alias)
    after_import("google.appengine.ext.testbed", mend_testbed)
