"""What is used of websockets beyond what its documentation promises to keep.

Every such name stands here, with the version in which it was seen to mean what is
relied on. `check_names` is asked before the library is first used, so that one that is
gone is a sentence and no AttributeError. The library is loaded by the first page that
sends an odd frame, which is no time to hear of it: a version that nobody has looked at
is loaded at the start, for `check_names`, and those that were looked at are not.
"""

from __future__ import annotations

import importlib.util
import os
import re
from typing import Final

from channelshim.errors import ConfigurationError

SEEN: Final[dict[tuple[str, str], str]] = {
    # transports.frame_parser imports these.
    ("websockets.frames", "Frame.parse"): "17.4",
    ("websockets.streams", "StreamReader.feed_data"): "17.4",
    ("websockets.streams", "StreamReader.read_exact"): "17.4",
}
"""(module, name) to the version in which it was last looked at."""

OLDEST_SEEN: Final = (13,)
NEWEST_SEEN: Final = (17, 4)
"""The versions that have all of them."""

_METADATA: Final = re.compile(r"websockets-([0-9.]+)[^0-9.].*-info")


def check_at_start() -> None:
    """Refuse a version that nobody has looked at, and that lacks what is used of it.

    Raises:
        ConfigurationError: a name is gone.
    """
    found = importlib.util.find_spec("websockets")
    if found is None or found.origin is None:
        return
    version = _version_beside(os.path.dirname(os.path.dirname(found.origin)))
    if not OLDEST_SEEN <= version <= NEWEST_SEEN:
        check_names()


def _version_beside(folder: str) -> tuple[int, ...]:
    """Return the version that a folder of packages names; () where not just one.

    importlib.metadata knows it too, and costs each start 20 ms.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return ()
    matches = [match for match in map(_METADATA.fullmatch, names) if match]
    if len(matches) != 1:
        return ()
    return tuple(int(part) for part in matches[0][1].split(".") if part)


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
    try:
        found: object = importlib.import_module(module)
    except ImportError:
        return False
    for part in name.split("."):
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True
