"""What an outside request may not bring is gone, whatever has been asked for before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    # Names that are new.
    st.integers(0, 2000).map("HTTP_X_{}".format),
)


@contextmanager
def nothing_remembered() -> Iterator[None]:
    """Forget the names of all requests before, and have them again at the end."""
    remembered = (guard._harmless, proxies._others)
    before = [names.copy() for names in remembered]
    for names in remembered:
        names.clear()
    try:
        yield
    finally:
        for names, own in zip(remembered, before, strict=True):
            names.clear()
            names.update(own)


@given(
    requests=st.lists(st.lists(names, unique=True), max_size=20), is_full=st.booleans()
)
def test_names_are_judged_alike_whatever_came_before(
    requests: list[list[str]], is_full: bool
) -> None:
    # Both sets fill up: each example would find those of the examples before.
    with nothing_remembered():
        if is_full:
            # No further name is remembered.
            judge([[f"HTTP_Y_{n}" for n in range(guard._MAXIMUM_REMEMBERED)]])
        judge(requests)


def judge(requests: list[list[str]]) -> None:
    """Compare what is left of each request with what should be."""
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
