"""The login cookie is believed only with a signature of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.identity import User
from channelshim.protocol import cookies
from channelshim.protocol.cookies import CookieSigner

OLD, NEW = b"o" * 32, b"n" * 32
SIGNER = CookieSigner([OLD, NEW])


def test_value_keeps_the_old_form_before_its_signature() -> None:
    value = SIGNER.sign("ann@example.com", True, "137124870312556742271")
    assert value.startswith("ann@example.com:True:137124870312556742271:")


@given(st.text(min_size=1).map(lambda text: text + "@x"), st.booleans())
def test_round_trip_keeps_any_email(email: str, is_admin: bool) -> None:
    if not email.isprintable():
        return
    value = SIGNER.sign(email, is_admin, "1")
    assert value.isascii()
    if len(value) <= cookies.MAXIMUM_COOKIE_LENGTH:
        assert SIGNER.read(value) == User(email, is_admin, "1")


def test_older_secret_verifies_and_an_unknown_one_does_not() -> None:
    value = CookieSigner([OLD]).sign("a@b", False, "1")
    assert SIGNER.read(value) == User("a@b", False, "1")
    assert CookieSigner([NEW]).read(value) is None


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
    value = SIGNER.sign("ann@example.com", False, "137124870312556742271")
    for position in range(len(value) - 1):
        other = "A" if value[position] != "A" else "B"
        altered = value[:position] + other + value[position + 1 :]
        assert SIGNER.read(altered) is None


def test_signed_value_without_an_at_sign_or_of_another_form_is_nobody() -> None:
    assert SIGNER.read(SIGNER.sign("ann", False, "1")) is None
    assert SIGNER.read(SIGNER.sign("ann@b", False, "one")) is None


@given(st.text())
def test_any_text_is_read_without_an_error(value: str) -> None:
    assert SIGNER.read(value) is None
