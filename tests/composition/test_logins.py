"""Whose sessions a login believes: its own, and nobody else's."""

from __future__ import annotations

from channelshim.composition.policy import signer_name
from channelshim.composition.setting_values import read_settings


def test_sessions_are_those_of_one_login_and_one_provider() -> None:
    provider = {"login": "oidc", "oidc_issuer": "https://a.example"}
    names = [
        signer_name(read_settings(settings, {}))
        for settings in (
            {},
            {"login": "accounts"},
            {"login": "proxy-header"},
            provider,
            {**provider, "oidc_issuer": "https://b.example"},
            {**provider, "oidc_trust_email": True},
        )
    ]
    assert len(set(names)) == len(names)
    assert all(name.isascii() for name in names)
    again = {**provider, "oidc_client_id": "another", "admins": "ann@example.com"}
    assert signer_name(read_settings(again, {})) == signer_name(
        read_settings(provider, {})
    )
