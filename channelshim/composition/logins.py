"""Which login an app has, made from the settings; each is imported where it is used.

The login is there before the store is open: its URLs are asked for while an app is
imported. So it gets what is in the store by functions that open it.
"""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from channelshim.appserver.guard import clean
from channelshim.appserver.login.addresses import Admins, is_address
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.composition.app_parts import AppParts
from channelshim.composition.plan import Plan
from channelshim.composition.policy import DEVELOPMENT
from channelshim.composition.settings import Settings
from channelshim.contracts.identity import Login
from channelshim.contracts.store import Account, Password
from channelshim.errors import ConfigurationError
from channelshim.protocol.cookies import CookieClaims

if TYPE_CHECKING:
    from channelshim.appserver.login.assertions import Verifier

NOTES: Final = "login pages"
"""What the store's secrets are for: notes that browsers keep for the pages."""

_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
"""Without an underscore: in the environment it could not be told from a dash."""

_OF_ASSERTIONS: Final = (
    "login_assertion_keys_file",
    "login_assertion_keys_url",
    "login_assertion_audience",
    "login_assertion_issuer",
)

Parts = Callable[[], AppParts]


def make_login(plan: Plan, parts: Parts) -> Login:
    """Return the login that the settings ask for.

    Args:
        plan: of the app.
        parts: opens the store if need be.

    Raises:
        ConfigurationError: a setting is missing or wrong, or a library is missing.
    """
    settings = plan.settings
    if settings.login == DEVELOPMENT:
        return DevelopmentLogin(
            _Cookies(parts), _Logins(parts), seconds=settings.login_seconds
        )
    if settings.allow_dev_login:
        raise ConfigurationError(
            f"allow_dev_login lets anybody be anybody, and login={settings.login} asks "
            "for proof: set one of them"
        )
    for each in settings.admins:
        if not is_address(each):
            raise ConfigurationError(
                f"admins: {each!r} is no address: name each administrator as "
                "ann@example.com"
            )
    make = {
        "proxy-header": _proxy_header,
        "accounts": _accounts,
        "oidc": _oidc,
    }[settings.login]
    return make(plan, parts)


def _proxy_header(plan: Plan, parts: Parts) -> Login:
    from channelshim.appserver.login.proxy_header import (
        ProxyHeaderLogin,
        ProxyPages,
    )

    settings = plan.settings
    if not plan.proxies:
        raise ConfigurationError(
            "login=proxy-header believes a header of the proxies that trusted_proxies "
            "names: set it to the address of your proxy"
        )
    _check_trust(plan)
    assertions = None
    if settings.login_assertion_header:
        assertions = _verifier(settings)
    elif any(getattr(settings, name) for name in _OF_ASSERTIONS):
        raise ConfigurationError(
            "login_assertion_header is empty: name the header in which your proxy "
            "sends the assertion"
        )
    return ProxyHeaderLogin(
        settings.login_header,
        plan.proxies,
        Admins(settings.admins),
        domain=settings.login_domain.strip(),
        pages=ProxyPages(settings.login_page, settings.logout_page),
        assertion_header=settings.login_assertion_header,
        assertions=assertions,
    )


def _check_trust(plan: Plan) -> None:
    """Refuse a header that is never believed, or that anybody could send."""
    from channelshim.appserver.login.proxy_header import key_of

    settings = plan.settings
    has_assertion = bool(settings.login_assertion_header)
    name = "login_assertion_header" if has_assertion else "login_header"
    header = getattr(settings, name)
    if not _HEADER.fullmatch(header):
        raise ConfigurationError(
            f"{name} must be the name of a header, of letters, digits and dashes, not "
            f"{header!r}"
        )
    if not clean({key_of(header): ""}):
        raise ConfigurationError(
            f"{name}={header} names a header that is taken out of each request, since "
            "visitors send it too: have your proxy send another"
        )
    if not has_assertion and any(each.prefixlen == 0 for each in plan.proxies):
        raise ConfigurationError(
            "trusted_proxies names every address, so that anybody could be anybody by "
            "login=proxy-header: name the addresses of your proxy alone"
        )


def _verifier(settings: Settings) -> Verifier:
    file, url = settings.login_assertion_keys_file, settings.login_assertion_keys_url
    if bool(file) == bool(url):
        raise ConfigurationError(
            "login_assertion_header needs login_assertion_keys_file or "
            "login_assertion_keys_url, one of them: the keys that sign assertions"
        )
    if not settings.login_assertion_audience:
        raise ConfigurationError(
            "login_assertion_header needs login_assertion_audience: without it, an "
            "assertion that was made for another app would be believed"
        )
    _need("joserfc", "login_assertion_header")
    from channelshim.appserver.login.assertions import Verifier
    from channelshim.appserver.login.fetching import is_safe_url
    from channelshim.appserver.login.keys import keys_at, keys_in

    if url and not is_safe_url(url):
        raise ConfigurationError(
            f"login_assertion_keys_url must be an https URL, not {url!r}"
        )
    return Verifier(
        keys_in(Path(file)) if file else keys_at(url),
        settings.login_assertion_audience,
        settings.login_assertion_issuer,
        time.time,
    )


def _accounts(plan: Plan, parts: Parts) -> Login:
    _need("argon2", "login=accounts")
    from channelshim.appserver.login.accounts import AccountsLogin

    return AccountsLogin(
        _Cookies(parts),
        _Logins(parts),
        _Passwords(parts),
        Admins(plan.settings.admins),
        lambda: parts().secrets(NOTES),
        seconds=plan.settings.login_seconds,
    )


def _oidc(plan: Plan, parts: Parts) -> Login:
    settings = plan.settings
    issuer = settings.oidc_issuer.strip()
    client_id = _value_of(settings, "oidc_client_id")
    for name, value in (("oidc_issuer", issuer), ("oidc_client_id", client_id)):
        if not value:
            raise ConfigurationError(
                f"login=oidc needs {name}: your provider shows it where you register "
                "this app"
            )
    _need("authlib", "login=oidc")
    from channelshim.appserver.login.fetching import is_safe_url
    from channelshim.appserver.login.oidc import OidcLogin
    from channelshim.appserver.login.provider import Client

    if not is_safe_url(issuer):
        raise ConfigurationError(f"oidc_issuer must be an https URL, not {issuer!r}")
    return OidcLogin(
        _Cookies(parts),
        _Logins(parts),
        Client(issuer, client_id, _value_of(settings, "oidc_client_secret")),
        lambda: parts().secrets(NOTES),
        Admins(settings.admins),
        trusts_email=settings.oidc_trust_email,
        seconds=settings.login_seconds,
    )


def _value_of(settings: Settings, name: str) -> str:
    """Return a setting, or what is in the file that the setting NAME_file names."""
    value: str = getattr(settings, name).strip()
    path: str = getattr(settings, f"{name}_file")
    if not path:
        return value
    if value:
        raise ConfigurationError(f"{name} and {name}_file are both set: unset one")
    try:
        text = Path(path).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{name}_file {path} cannot be read: {error}"
        ) from None
    if not text.isprintable() or not text:
        raise ConfigurationError(f"{name}_file {path} must hold one line, the value")
    return text


def _need(module: str, setting: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigurationError(
            f"{setting} needs {module}: pip install 'channelshim[login]'"
        )


class _Cookies:
    """The instance's signer; see appserver.login.sessions.Signer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def sign(self, claims: CookieClaims) -> str:
        return self._parts().cookies.sign(claims)

    def read(self, value: str) -> CookieClaims | None:
        return self._parts().cookies.read(value)


class _Logins:
    """The store's accounts; see appserver.login.sessions.Logins."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def remember(self, account: Account) -> None:
        self._parts().store.accounts.remember(account)

    def end_login(self, number: str, expires_at: float, now: float) -> None:
        self._parts().store.accounts.end_login(number, expires_at, now)

    def ended_logins(self) -> Collection[str]:
        return self._parts().store.accounts.ended_logins()


class _Passwords:
    """The store's passwords; see appserver.login.accounts.Passwords."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def put(self, password: Password) -> None:
        self._parts().store.passwords.put(password)

    def get(self, email: str) -> Password | None:
        return self._parts().store.passwords.get(email)

    def rehash(self, email: str, old: str, new: str) -> bool:
        return self._parts().store.passwords.rehash(email, old, new)

    def attempt(
        self, key: str, now: float, *, every_seconds: float, at_once: int
    ) -> float:
        return self._parts().store.passwords.attempt(
            key, now, every_seconds=every_seconds, at_once=at_once
        )

    def forgive(self, key: str) -> None:
        self._parts().store.passwords.forgive(key)
