"""What is used of websockets beyond what its documentation promises to keep.

Every such name stands here, with the version in which it was seen to mean what is
relied on. `check_names` is asked before the library is first used, so that one that is
gone is a sentence and no AttributeError.
"""

from __future__ import annotations

import importlib
from typing import Final

from channelshim.errors import ConfigurationError

SEEN: Final[dict[tuple[str, str], str]] = {
    # transports.frame_parser imports these.
    ("websockets.frames", "Frame.parse"): "17.4",
    ("websockets.streams", "StreamReader.feed_data"): "17.4",
    ("websockets.streams", "StreamReader.read_exact"): "17.4",
}
"""(module, name) to the version in which it was last looked at."""


def check_names() -> None:
    """Refuse a version of websockets that lacks what is used of it.

    Raises:
        ConfigurationError: a name is gone.
    """
    missing = [name for module, name in SEEN if not _has(module, name)]
    if missing:
        from importlib.metadata import version

        raise ConfigurationError(
            f"websockets {version('websockets')} does not work with this channelshim "
            f"(it lacks {', '.join(missing)}): run `pip install channelshim`, which "
            "installs one that does"
        )


def _has(module: str, name: str) -> bool:
    found: object = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True
