"""How requests from outside reach an app: what the door in front of it allows."""

from __future__ import annotations

from dataclasses import dataclass

from channelshim.appserver.hosts import LOCAL_NAMES_HERE, HostRule
from channelshim.appserver.proxies import Network


@dataclass(frozen=True, slots=True)
class Exposure:
    """How requests from outside reach an app: what its door allows.

    Attributes:
        host: Host header of the platform's own requests, with the port.
        hosts: what Host may say.
        trusted_proxies: from proxies.parse_networks; whose forwarded headers count.
        allows_dev_login: whether a login that asks for no proof, and its cookie, is
            for everybody; otherwise guard.why_no_dev_login decides.
        enforces_secure: whether `secure:` redirects; off, as in the old server, since
            a server on loopback speaks http alone.
        has_http: whether http reaches the app too, so that `secure: never` has where
            to redirect to.
        show_tracebacks: whether a 500 shows the app's traceback, to requests from
            this machine only.
        server_name: for SERVER_NAME, as the old server told the app its `--host`; ""
            leaves what the WSGI server says.
        private: how the real paths begin of files that are never served: the store's.
        logins_per_minute: of one client address; 0 for any number.
    """

    host: str = "localhost"
    hosts: HostRule = LOCAL_NAMES_HERE
    trusted_proxies: tuple[Network, ...] = ()
    allows_dev_login: bool = False
    enforces_secure: bool = False
    has_http: bool = True
    show_tracebacks: bool = False
    server_name: str = ""
    private: tuple[str, ...] = ()
    logins_per_minute: int = 0
