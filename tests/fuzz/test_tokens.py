"""Tokens: ours are believed in the one spelling that we write, and nothing else is."""

from __future__ import annotations

from channelshim.errors import InvalidToken, TokenExpired
from channelshim.protocol.tokens import PATTERN, TokenSigner, looks_like_token
from tests.fuzz.fuzzing import Fuzz, fuzzed

OLD, NEW = b"old secret of the fuzz tests", b"secret of the fuzz tests"


@fuzzed("tokens", 300)
def test_only_our_own_tokens_are_believed(fuzz: Fuzz) -> None:
    signer = TokenSigner([OLD, NEW], "fuzz")
    signers = [TokenSigner([secret], "fuzz") for secret in (OLD, NEW)]
    genuine = set(fuzz.corpus())

    def claim(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        PATTERN.search(text)
        for token in (data, text):
            looks_like_token(token)
            try:
                claims = signer.verify(token, 1000.0)
            except (InvalidToken, TokenExpired):
                continue
            assert data in genuine, "a forged token is believed"
            assert data in [each.sign(claims).encode("ascii") for each in signers]

    fuzz.check(claim, words=[b".", b"=", b"-", b"_", b"A", b"\n", b"\xc3\xa9"])
