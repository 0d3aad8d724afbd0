"""What an outside request may not bring is gone, whatever has been asked for before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver import guard, proxies

HARMLESS = ("PATH_INFO", "HTTP_HOST", "wsgi.url_scheme", "HTTP_X_A", "HTTP_GOOGLE")
FORBIDDEN = (
    "HTTP_X_APPENGINE_USER_ID",
    "http_x-appengine-taskname",
    "HTTP_X_GOOGLE_INTERNAL_A",
    "HTTP_PROXY",
    guard.INTERNAL_KEY,
)
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")

names = st.one_of(
    st.sampled_from(HARMLESS + FORBIDDEN + FORWARDED),
    # Names that are new, and so many of them that not all are remembered.
    st.integers(0, 2000).map("HTTP_X_{}".format),
)


@given(requests=st.lists(st.lists(names, unique=True), max_size=20))
def test_names_are_judged_alike_whatever_came_before(requests: list[list[str]]) -> None:
    for keys in requests:
        environ = {key: f"value of {key}" for key in keys}
        clean = guard.clean(environ)
        left = {key: environ[key] for key in keys if key not in FORBIDDEN}
        assert clean == left
        assert clean is not environ
        proxies.settle_client(clean, ())
        own = {key: value for key, value in left.items() if key not in FORWARDED}
        marks = (guard.UNKNOWN_CLIENT_KEY, proxies.SETTLED_KEY)
        assert {key: clean[key] for key in clean if key not in marks} == own
        assert (guard.UNKNOWN_CLIENT_KEY in clean) == (own != left)
