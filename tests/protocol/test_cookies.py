"""The login cookie is believed only with a signature of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.identity import User
from channelshim.protocol import cookies
from channelshim.protocol.cookies import CookieClaims, CookieSigner

OLD, NEW = b"o" * 32, b"n" * 32
SIGNER = CookieSigner([OLD, NEW])


def claims(
    email: str = "ann@example.com",
    is_admin: bool = True,
    user_id: str = "137124870312556742271",
) -> CookieClaims:
    return CookieClaims(User(email, is_admin, user_id), 1_700_000_000, "0a1b")


def test_value_keeps_the_old_form_before_its_end_and_signature() -> None:
    value = SIGNER.sign(claims())
    assert value.startswith("ann@example.com:True:137124870312556742271:1700000000:")


@given(st.text(min_size=1).map(lambda text: text + "@x"), st.booleans())
def test_round_trip_keeps_any_email(email: str, is_admin: bool) -> None:
    if not email.isprintable():
        return
    signed = claims(email, is_admin, "1")
    value = SIGNER.sign(signed)
    assert value.isascii()
    if len(value) <= cookies.MAXIMUM_COOKIE_LENGTH:
        assert SIGNER.read(value) == signed


def test_older_secret_verifies_and_an_unknown_one_does_not() -> None:
    value = CookieSigner([OLD]).sign(claims())
    assert SIGNER.read(value) == claims()
    assert CookieSigner([NEW]).read(value) is None


def test_cookie_of_another_login_is_nobody() -> None:
    by_provider = CookieSigner([NEW], "chat", "oidc https://login.example.com")
    value = by_provider.sign(claims())
    assert by_provider.read(value) == claims()
    assert CookieSigner([NEW], "chat").read(value) is None
    assert CookieSigner([NEW], "chat", "accounts").read(value) is None


def test_cookie_of_another_app_is_nobody() -> None:
    value = CookieSigner([OLD], "one").sign(claims())
    assert CookieSigner([OLD], "one").read(value) == claims()
    assert CookieSigner([OLD], "two").read(value) is None
    assert SIGNER.read(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x@y:True:1",
        "x@y:True:1:",
        "é@y:True:1:abc",
        "a" * (cookies.MAXIMUM_COOKIE_LENGTH + 1),
    ],
)
def test_unsigned_value_is_nobody(value: str) -> None:
    assert SIGNER.read(value) is None


def test_each_altered_character_is_refused() -> None:
    value = SIGNER.sign(claims())
    for position in range(len(value) - 1):
        other = "A" if value[position] != "A" else "B"
        altered = value[:position] + other + value[position + 1 :]
        assert SIGNER.read(altered) is None


def test_signed_value_without_an_at_sign_or_of_another_form_is_nobody() -> None:
    assert SIGNER.read(SIGNER.sign(claims(email="ann"))) is None
    assert SIGNER.read(SIGNER.sign(claims(user_id="one"))) is None
    endless = CookieClaims(claims().user, -1, "0a1b")
    assert SIGNER.read(SIGNER.sign(endless)) is None


@given(st.text())
def test_any_text_is_read_without_an_error(value: str) -> None:
    assert SIGNER.read(value) is None
