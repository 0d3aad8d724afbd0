"""The settings of who may do what: logins, administrators, hosts, proxies, secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from channelshim.composition.setting import setting
from channelshim.contracts.identity import LOGIN_SECONDS

ACCESS: Final = "Who may do what"
"""Their heading; see settings.GROUPS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """The part of Settings that decides about people and requests."""

    login: Literal["dev", "proxy-header", "oidc", "accounts"] = setting(
        "dev",
        "How people log in: dev asks for no proof; proxy-header believes a proxy, oidc "
        "asks an OpenID provider, accounts asks for a password.",
        ACCESS,
    )
    admins: tuple[str, ...] = setting(
        (),
        "Addresses of the administrators, for every login but dev; case is ignored.",
        ACCESS,
    )
    login_seconds: float = setting(
        LOGIN_SECONDS,
        "Time after which a person has to log in again.",
        ACCESS,
        unit="seconds",
        low=60,
        high=365 * 86400,
    )
    login_header: str = setting(
        "X-Forwarded-Email",
        "For proxy-header: the header with the address of who has logged in.",
        ACCESS,
    )
    login_domain: str = setting(
        "",
        "For proxy-header: what comes behind the @ of a name without one.",
        ACCESS,
    )
    login_page: str = setting(
        "",
        "For proxy-header: the proxy's login page; {url} becomes where to go on.",
        ACCESS,
    )
    logout_page: str = setting(
        "",
        "For proxy-header: the proxy's logout page; {url} becomes where to go on.",
        ACCESS,
    )
    login_assertion_header: str = setting(
        "",
        "For proxy-header: header with a signed JWT, whose email is believed instead.",
        ACCESS,
    )
    login_assertion_keys_file: str = setting(
        "",
        "File of the keys that sign it: a JWK set, or one public key in PEM.",
        ACCESS,
    )
    login_assertion_keys_url: str = setting(
        "", "The same by an https URL, for a JWK set.", ACCESS
    )
    login_assertion_audience: str = setting(
        "", "The audience that it must name: this app's.", ACCESS
    )
    login_assertion_issuer: str = setting(
        "", "The issuer that it must name; empty for any that has the keys.", ACCESS
    )
    oidc_issuer: str = setting(
        "",
        "For oidc: URL of the provider, as its discovery document names it.",
        ACCESS,
    )
    oidc_client_id: str = setting(
        "", "For oidc: the client id that the provider gave this app.", ACCESS
    )
    oidc_client_id_file: str = setting("", "File with the same.", ACCESS)
    oidc_client_secret: str = setting(
        "", "For oidc: the client secret.", ACCESS, is_secret=True
    )
    oidc_client_secret_file: str = setting("", "File with the same.", ACCESS)
    oidc_trust_email: bool = setting(
        False,
        "For oidc: believe addresses that the provider does not call verified.",
        ACCESS,
    )
    allow_dev_login: bool = setting(
        False,
        "Let anybody log in, from beyond this machine too, without a password.",
        ACCESS,
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        "Host names, besides this machine's own, that are answered; * means all.",
        ACCESS,
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        "Addresses or networks of proxies whose X-Forwarded-For and -Proto count.",
        ACCESS,
    )
    enforce_secure: bool = setting(
        False,
        "Redirect as app.yaml's `secure:` says; for servers behind a proxy with https.",
        ACCESS,
    )
    allowed_origins: tuple[str, ...] = setting(
        (), "Origins besides the server's own whose pages may open channels.", ACCESS
    )
    signing_secrets: tuple[str, ...] = setting(
        (),
        "Secrets that sign tokens and cookies, oldest first; empty: the store's own.",
        ACCESS,
        is_secret=True,
    )
    signing_secrets_file: str = setting(
        "",
        "File with the same, one secret a line.",
        ACCESS,
    )
    logins_per_minute: int = setting(
        60,
        "Requests of the login's pages that one client address may make; 0: any.",
        ACCESS,
        unit="requests",
        low=0,
        high=1_000_000,
    )
    metrics_token_file: str = setting(
        "",
        "File with a token that opens /metrics and /_ah/health of the console's port.",
        ACCESS,
    )
