"""Channel tokens: what opens a channel, and nothing else."""

from __future__ import annotations

import string
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from channelshim import limits
from channelshim.errors import InvalidToken, TokenError, TokenExpired
from channelshim.protocol import tokens, window
from channelshim.protocol.tokens import (
    TokenClaims,
    TokenSigner,
    client_id_bytes,
    client_id_text,
    expiry,
)

NOW = 1_700_000_000.25
SIGNER = TokenSigner([b"old" * 8, b"new" * 8])
CLAIMS = TokenClaims("ann", expiry(NOW, 60), 1_700_000_000_000_000, b"12345678")
URL_SAFE = set(string.ascii_letters + string.digits + "-_.")

client_ids = st.text(st.characters(exclude_categories=[]), min_size=1, max_size=64)


@given(
    client_ids,
    st.integers(0, window.MAXIMUM_MESSAGE_NUMBER),
    st.binary(min_size=8, max_size=8),
)
def test_what_was_signed_is_read(client_id: str, number: int, nonce: bytes) -> None:
    claims = TokenClaims(client_id, CLAIMS.expires_at, number, nonce)
    token = SIGNER.sign(claims)
    assert set(token) <= URL_SAFE
    read = SIGNER.verify(token, NOW)
    assert client_id_bytes(read.client_id) == client_id_bytes(client_id)
    assert (read.number, read.nonce, read.expires_at) == (
        number,
        nonce,
        claims.expires_at,
    )
    assert SIGNER.verify(token.encode("ascii"), NOW) == read
    assert tokens.looks_like_token(token)
    assert tokens.looks_like_token(token.encode("ascii"))
    assert tokens.PATTERN.sub("...", f"/a?b={token}&c") == "/a?b=...&c"


@pytest.mark.parametrize(
    "text",
    ["", "ann", "ann@example.com", "." * 43, "x" * 200, f"{'x' * 31}.{'y' * 43}"],
)
def test_other_texts_do_not_look_like_tokens(text: str) -> None:
    assert not tokens.looks_like_token(text)
    assert not tokens.looks_like_token(text.encode("ascii"))
    assert tokens.PATTERN.search(text) is None


def test_token_of_another_app_is_invalid() -> None:
    token = TokenSigner([b"s" * 32], "one").sign(CLAIMS)
    assert TokenSigner([b"s" * 32], "one").verify(token, NOW) == CLAIMS
    for other in (TokenSigner([b"s" * 32], "two"), TokenSigner([b"s" * 32])):
        with pytest.raises(InvalidToken):
            other.verify(token, NOW)


def test_longest_client_id_fits() -> None:
    longest = TokenClaims("x" * limits.MAXIMUM_CLIENT_ID_LENGTH, 2**40, 2**53, b"n" * 8)
    token = SIGNER.sign(longest)
    assert len(token) <= tokens.MAXIMUM_TOKEN_LENGTH
    assert SIGNER.verify(token, NOW) == longest


@pytest.mark.parametrize("minutes", [1, 5, 1440])
def test_case_031_token_lives_its_minutes_and_a_second(minutes: int) -> None:
    token = SIGNER.sign(TokenClaims("a", expiry(1000.0, minutes), 0, b"n" * 8))
    assert SIGNER.verify(token, 1000.0 + minutes * 60).client_id == "a"
    with pytest.raises(TokenExpired) as caught:
        SIGNER.verify(token, 1000.0 + minutes * 60 + 1)
    assert caught.value.client_id == "a"
    assert caught.value.expired_at == 1001 + minutes * 60


def other_letters(letter: str) -> set[str]:
    return URL_SAFE - {letter}


@pytest.mark.parametrize("client_id", ["a", "ab", "abc", "abcd"])
def test_case_033_every_single_alteration_is_refused(client_id: str) -> None:
    # Four lengths: base64's last letter has spare bits in three cases of four.
    token = SIGNER.sign(TokenClaims(client_id, CLAIMS.expires_at, 1, b"n" * 8))
    for place, letter in enumerate(token):
        for other in other_letters(letter):
            with pytest.raises(InvalidToken):
                SIGNER.verify(token[:place] + other + token[place + 1 :], NOW)


def test_token_cut_or_grown_is_refused() -> None:
    token = SIGNER.sign(CLAIMS)
    for wrong in (token[:-1], token[1:], token + "A", token + "=", " " + token):
        with pytest.raises(InvalidToken):
            SIGNER.verify(wrong, NOW)


def test_case_034_altered_is_looked_at_before_expired() -> None:
    token = SIGNER.sign(TokenClaims("a", 1, 0, b"n" * 8))
    with pytest.raises(TokenExpired):
        SIGNER.verify(token, NOW)
    with pytest.raises(InvalidToken):
        SIGNER.verify(token[:-1] + ("A" if token[-1] != "A" else "B"), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        ".",
        "a.b",
        "é" * 80,
        "x" * (tokens.MAXIMUM_TOKEN_LENGTH + 1),
        "x" * 1_000_000,
        "\ud800",
        "AHRlWro-captured-from-production",
        b"",
        b"\xff" * 100,
    ],
)
def test_garbage_is_invalid(text: str | bytes) -> None:
    with pytest.raises(InvalidToken):
        SIGNER.verify(text, NOW)


@given(st.text() | st.binary())
def test_anything_from_outside_is_invalid(text: str | bytes) -> None:
    with pytest.raises(TokenError):
        SIGNER.verify(text, NOW)


def test_case_035_token_without_our_secret_is_invalid() -> None:
    token = TokenSigner([b"stranger"]).sign(CLAIMS)
    with pytest.raises(InvalidToken):
        SIGNER.verify(token, NOW)


def test_case_036_token_of_an_older_secret_is_valid() -> None:
    assert SIGNER.verify(TokenSigner([b"old" * 8]).sign(CLAIMS), NOW) == CLAIMS
    # The newest signs.
    assert TokenSigner([b"new" * 8]).verify(SIGNER.sign(CLAIMS), NOW) == CLAIMS


def test_signature_for_another_purpose_is_invalid() -> None:
    body = struct.pack(">QQ8s", CLAIMS.expires_at, 1, b"n" * 8) + b"ann"
    other = Signer(b"new" * 8, salt=b"another purpose", key_derivation="hmac")
    with pytest.raises(InvalidToken):
        SIGNER.verify(other.sign(body).decode("latin-1"), NOW)


def test_genuine_signature_over_too_little_is_invalid() -> None:
    # Only we can sign; yet a shorter layout of another version must not crash.
    with pytest.raises(InvalidToken):
        SIGNER.verify(SIGNER._signer.sign(b"AAAA"), NOW)


@given(st.binary(max_size=64))
def test_ids_given_as_bytes_stay_distinct(raw: bytes) -> None:
    assert client_id_bytes(client_id_text(raw)) == raw


def test_lone_surrogates_become_bytes() -> None:
    assert client_id_bytes("zoë") == "zoë".encode()
    assert client_id_bytes("\udc80") == b"\x80"
    assert client_id_bytes("\ud800") == b"\xed\xa0\x80"
