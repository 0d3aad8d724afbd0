"""Login cookies: only a value of ours is believed, whatever stands around it."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from hypothesis import strategies as st

from channelshim.appserver.login.sessions import cookie_value
from channelshim.contracts.identity import User
from channelshim.protocol.cookies import CookieClaims, CookieSigner
from tests.fuzz.fuzzing import Fuzz, fuzzed

SECRETS = [b"old secret of the fuzz tests", b"secret of the fuzz tests"]

BELIEVED = [
    CookieClaims(User("ann@example.com", True, "123"), 2_000_000_000, "ab12"),
    CookieClaims(User("é b@example.com", False, "185804764220139124118"), 1, "0"),
]


def plain_value(header: str) -> str:
    """Return the cookie's value as the standard library reads it."""
    try:
        morsel = SimpleCookie(header).get("dev_appserver_login")
    except CookieError:
        return ""
    return morsel.value if morsel else ""


@fuzzed("cookies", 300)
def test_only_our_own_cookies_are_believed(fuzz: Fuzz) -> None:
    signer = CookieSigner(SECRETS, "fuzz")

    def claim(data: bytes) -> None:
        # As servers hand headers over.
        text = data.decode("latin-1")
        for header in (text, f"dev_appserver_login={text}", f"a={text}; b=c"):
            assert isinstance(cookie_value(header), str)
            plain = plain_value(header)
            value = cookie_value(header)
            for each in (text, plain, value):
                claims = signer.read(each)
                assert claims is None or claims in BELIEVED, "a forged one is believed"

    genuine = [signer.sign(claims).encode("ascii") for claims in BELIEVED]
    words = [b":", b";", b"=", b'"', b"\\072", b"%40", b" ", b"dev_appserver_login="]
    made = st.lists(st.sampled_from([*genuine, *words]), max_size=6).map(b"".join)
    fuzz.check(claim, made, words=words)
