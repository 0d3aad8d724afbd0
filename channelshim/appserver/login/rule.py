"""Who may use a login that asks for no proof."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from channelshim.appserver.guard import why_no_dev_login
from channelshim.contracts.identity import Login, User

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_logger: Final = logging.getLogger("channelshim.appserver")


class LoginRule:
    """Decides which requests may log in, or are believed to have; warns once.

    Args:
        login: whose pages and users; one that asks for proof is open to all.
        is_open: every request may; otherwise guard.why_no_dev_login decides.
    """

    def __init__(self, login: Login, *, is_open: bool) -> None:
        self._paths = login.paths
        self._is_open = is_open or not login.asks_no_proof
        self._has_warned = threading.Lock()

    def refusal(
        self,
        environ: WSGIEnvironment,
        user: User | None,
        allowed_hosts: Collection[str],
    ) -> str:
        """Return a sentence for a request that may not, or "".

        Also "" for one that has nothing to do with logins.

        Args:
            environ: of an outside request, behind `proxies.settle_client`.
            user: who the login says it comes from; not to be believed when refused.
            allowed_hosts: names besides loopback's that Host may say.
        """
        if self._is_open:
            return ""
        if user is None and environ.get("PATH_INFO") not in self._paths:
            return ""
        reason = why_no_dev_login(environ, allowed_hosts)
        # Once: anybody outside can ask again and again.
        if reason and self._has_warned.acquire(blocking=False):
            _logger.warning(
                "a login from %.64r, for the host %.64r, was refused. %s",
                environ.get("REMOTE_ADDR", ""),
                environ.get("HTTP_HOST", ""),
                reason,
            )
        return reason
