"""app_identity.get_access_token where there is no Google to ask.

Google's Python 3 client asks the metadata server of its machines and raises what the
network raises; the old server gave a token that nobody accepts, so that the app ran.
"""

from __future__ import annotations

import logging
import time
from types import ModuleType
from typing import Any, Final

_logger: Final = logging.getLogger("channelshim.compat")

_TOKEN_SECONDS: Final = 1800


def fall_back(metadata_server: ModuleType) -> None:
    """Make up a token where the metadata server cannot be asked."""
    ask = metadata_server.get_service_account_token

    def ask_or_invent(*arguments: Any, **options: Any) -> Any:
        # A machine of Google's has real tokens, so it is asked first.
        try:
            return ask(*arguments, **options)
        except OSError as error:
            _logger.warning(
                "access tokens are made up, since Google can't be reached: %s", error
            )
            return "InvalidToken", int(time.time()) + _TOKEN_SECONDS

    metadata_server.get_service_account_token = ask_or_invent  # type: ignore[attr-defined]
